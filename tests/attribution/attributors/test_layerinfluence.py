"""Influence functions of all layers, against closed forms, dense curvature and models trained anew."""

import weakref

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from untrain.attribution.attributors import layerinfluence
from untrain.attribution.attributors._layer_records import Record, Recorder, layers_of
from untrain.attribution.attributors.lastlayerinfluence import LastLayerInfluence
from untrain.attribution.attributors.layerinfluence import LayerInfluence
from untrain.attribution.base import TrainingEvidence
from untrain.core.errors import DataError, ModelError
from untrain.data.examples import Examples, batch_of
from untrain.models.tasks.classification import Classification
from untrain.models.tasks.regression import Regression

KINDS = ("ekfac", "kfac", "block")


def evidence(net, x, y, task, classes=0):
    data = Examples({"x": x, "y": y}, np.arange(len(y)), tuple(map(str, range(classes))))
    return TrainingEvidence(data, data, task.resolve(data), models=(net,))


def classified(net, shape, n=30, classes=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n, *shape, generator=draw, dtype=torch.float64)
    return evidence(net.double(), x, torch.arange(n) % classes, Classification(), classes)


def seeded(*layers):
    """A network of layers that are made with a seed."""
    torch.manual_seed(0)
    return nn.Sequential(*(make() for make in layers))


def test_of_one_layer_blocks_are_the_influence_of_the_last_layer():
    given = classified(seeded(lambda: nn.Linear(4, 3)), (4,))
    aim = LastLayerInfluence(damping=0.05, leverage=False)(given)
    assert LayerInfluence(curvature="block", damping=0.05)(given) == pytest.approx(aim, rel=1e-5, abs=1e-7)
    near = {kind: np.abs(LayerInfluence(curvature=kind, damping=0.05)(given) - aim).max() for kind in KINDS[:2]}
    assert 0 < near["ekfac"] < near["kfac"]


def test_of_squared_losses_without_nonlinearities_the_factors_are_exact():
    """Second derivatives by a layer's outputs are those of all examples: ``W^T W`` of the layers behind it."""
    net = seeded(lambda: nn.Linear(4, 3), lambda: nn.Linear(3, 5, bias=False), lambda: nn.Linear(5, 1)).double()
    draw = torch.Generator().manual_seed(1)
    x, y = (torch.randn(25, size, generator=draw, dtype=torch.float64) for size in (4, 1))
    given = evidence(net, x, y[:, 0], Regression())
    values = {kind: LayerInfluence(curvature=kind, damping=0.1)(given) for kind in KINDS}
    assert np.abs(values["block"]).max() > 1e-3
    for kind in KINDS[:2]:
        assert values[kind] == pytest.approx(values["block"], rel=1e-5, abs=1e-8)


def test_of_a_softmax_at_zero_the_factors_are_exact_and_elsewhere_not():
    net = nn.Sequential(nn.Linear(4, 3))
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].bias.zero_()
    given = classified(net, (4,))
    values = {kind: LayerInfluence(curvature=kind)(given) for kind in KINDS}
    assert values["kfac"] == pytest.approx(values["block"], rel=1e-4, abs=1e-7)
    assert values["ekfac"] == pytest.approx(values["block"], rel=1e-4, abs=1e-7)


def conv():
    return seeded(lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.Tanh, nn.Flatten, lambda: nn.Linear(12, 3))


def mlp():
    return seeded(lambda: nn.Linear(4, 5), lambda: nn.ReLU(inplace=True), lambda: nn.Linear(5, 3))


@pytest.mark.parametrize(("make", "shape"), [(mlp, (4,)), (conv, (2, 4, 4))])
def test_gradients_of_layers_are_those_of_autograd(make, shape):
    given = classified(make(), shape)
    model, batch = given.models[0], batch_of(given.train, np.arange(4))
    along = torch.randn(4, 3, dtype=torch.float64)
    records = Recorder(model, given.task, batch, layers_of(model)).back(along)
    for i in range(4):
        model.zero_grad()
        (model(batch.x[i : i + 1]) * along[i]).sum().backward()
        for name, layer in layers_of(model).items():
            own = torch.cat([layer.weight.grad.flatten(1), layer.bias.grad[:, None]], 1)
            assert torch.allclose(records[name].gradients()[i], own, atol=1e-12)


@pytest.mark.parametrize(("make", "shape"), [(mlp, (4,)), (conv, (2, 4, 4))])
def test_in_its_basis_the_diagonal_of_ekfac_is_nearest_to_the_whole_curvature(make, shape):
    """George et al. 2018, theorem 2: no farther than that of K-FAC in Frobenius norm; and its trace is that of the curvature."""
    given = classified(make(), shape)
    net = layerinfluence._Network(given.models[0], given.task, layers_of(given.models[0]))
    blocks = {}
    for gradients in net.gradients(given.train, np.arange(30), "curvature"):
        for name, g in gradients.items():
            blocks[name] = blocks.get(name, 0.0) + torch.einsum("bi,bj->ij", g.flatten(1), g.flatten(1)) / 30
    apart = {}
    for exact in (True, False):
        made = layerinfluence._Kronecker.of(net, given.train, 1e-9, exact)
        for name, block in blocks.items():
            basis = torch.kron(made.left[name].contiguous(), made.right[name].contiguous())
            whole = basis @ torch.diag(made.values[name].flatten()) @ basis.T
            apart[name, exact] = float(torch.linalg.matrix_norm(whole - block))
            if exact:
                assert float(whole.trace()) == pytest.approx(float(block.trace()), rel=1e-5)
    for name in blocks:
        assert apart[name, True] < apart[name, False] < 1.5 * float(torch.linalg.matrix_norm(blocks[name]))


def test_it_is_nearer_to_training_anew_than_the_last_layer_alone():
    """A small network at an optimum of a penalised loss, and at that without each of some examples, from there."""
    net, decay = seeded(lambda: nn.Linear(3, 4), nn.Tanh, lambda: nn.Linear(4, 3)).double(), 0.02
    draw = torch.Generator().manual_seed(3)
    y = torch.arange(48) % 3
    x = 1.5 * torch.eye(3, dtype=torch.float64)[y] + torch.randn(48, 3, generator=draw, dtype=torch.float64)
    given = evidence(net, x, y, Classification(), 3)

    def fitted(start, rows):
        other = seeded(lambda: nn.Linear(3, 4), nn.Tanh, lambda: nn.Linear(4, 3)).double()
        other.load_state_dict(start)
        steps = torch.optim.LBFGS(other.parameters(), max_iter=300, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

        def closure():
            steps.zero_grad()
            loss = F.cross_entropy(other(x[rows]), y[rows], reduction="sum") / 48
            loss = loss + decay / 2 * sum(p.square().sum() for p in other.parameters())
            loss.backward()
            return loss

        steps.step(closure)
        return other

    whole = fitted(net.state_dict(), np.arange(48))
    given.models[0].load_state_dict(whole.state_dict())
    gone = np.arange(10)
    with torch.no_grad():
        before = whole(x)
    actual = np.stack([
        (before - fitted(whole.state_dict(), np.setdiff1d(np.arange(48), [row]))(x)).detach().numpy() for row in gone
    ])  # fmt: skip

    def fit(method):
        return np.corrcoef(method(given, rows=gone).ravel(), actual.ravel())[0, 1]

    last = fit(LastLayerInfluence(damping=decay))
    found = [fit(LayerInfluence(curvature=kind, damping=decay)) for kind in KINDS]
    assert min(found) > max(last + 0.05, 0.8)


def test_gradients_of_many_outputs_are_not_in_memory_together(monkeypatch):
    living, most, made = 0, 0, Record.gradients

    def gone():
        nonlocal living
        living -= 1

    def counted(record):
        nonlocal living, most
        gradients = made(record)
        weakref.finalize(gradients, gone)
        living, most = living + 1, max(most, living + 1)
        return gradients

    monkeypatch.setattr(Record, "gradients", counted)
    net = seeded(lambda: nn.Linear(4, 5), nn.Tanh, lambda: nn.Linear(5, 20))
    LayerInfluence()(classified(net, (4,), n=20, classes=20))
    assert most <= 4  # two layers, of one output and of the next


def test_what_it_is_not_made_for_is_refused(monkeypatch):
    with pytest.raises(ModelError, match="has no linear layer"):
        layers_of(nn.ReLU())

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(3, 3)

        def forward(self, x):
            return self.line(self.line(x))

    with pytest.raises(ModelError, match="line is used twice"):
        LayerInfluence()(classified(Twice(), (3,)))
    given = classified(mlp(), (4,))
    with pytest.raises(DataError, match=r"the layer \d is singular with damping=0"):
        LayerInfluence(curvature="block", damping=0.0)(given)
    monkeypatch.setattr(layerinfluence, "LARGEST", 20)
    with pytest.raises(ModelError, match=r"layer 0 has 25 weights, .* take 'ekfac'"):
        LayerInfluence(curvature="block")(given)
