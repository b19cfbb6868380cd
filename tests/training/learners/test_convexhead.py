"""Last layers of deep networks at a convex optimum: the gradient, frozen features, exact retraining."""

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import ModelError, SpecError
from untrain.data.examples import Examples, batch_of, take
from untrain.models.features import features
from untrain.models.tasks.regression import Regression


def data(classes=3, n=60):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(n, 1, 4, 4, generator=draw)
    return Examples.labelled(x, torch.arange(n) % classes, np.arange(n), classes)


def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))


@pytest.mark.parametrize(("model", "classes"), [(net, 3), (ut.MLP(width=8), 2), (ut.ConvNet(width=4), 3)])
def test_the_gradient_of_the_head_is_zero_and_nothing_else_moves(model, classes):
    examples, learner = data(classes), ut.ConvexHead(model=model, by=ut.Convex(l2=0.1))
    trained, first = learner(examples, 3), learner.init(examples, 3)
    head = [n for n, p in trained.named_parameters() if p.requires_grad]
    assert len(head) == 2
    begun = dict(first.named_parameters())
    assert all(torch.equal(p, begun[n]) for n, p in trained.named_parameters() if n not in head)
    task = learner.task.resolve(examples)
    weight = dict(trained.named_parameters())[head[0]]
    total = task.loss(trained, batch_of(examples, np.arange(60))).mean() + 0.05 * (weight**2).sum()
    total.backward()
    # Features are float32, and a forward pass of all at once rounds them otherwise.
    assert max(float(p.grad.abs().max()) for n, p in trained.named_parameters() if n in head) < 1e-6
    assert weight.dtype == torch.float64


def test_retraining_is_the_optimum_on_the_rest_by_the_same_features():
    examples, learner = data(), ut.ConvexHead(model=net, by=ut.Convex(l2=0.1))
    trained = learner(examples, 0)
    posed = ut.problem(examples, [0, 1, 2], learner)
    forgot = ut.Retrain()(trained, posed)
    direct = learner(take(examples, np.arange(3, 60)), posed.seed)
    assert all(torch.equal(a, b) for a, b in zip(forgot.parameters(), direct.parameters(), strict=True))
    task = learner.task.resolve(examples)
    np.testing.assert_array_equal(features(forgot, examples, task), features(trained, examples, task))


def test_seeds_draw_other_features_and_one_seed_gives_one_model():
    examples, learner = data(), ut.ConvexHead(model=net)
    one, same, other = (learner(examples, seed) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert not learner.deterministic
    promises = ut.check(ut.ConvexHead(model=ut.MLP(width=8)))
    assert [each["error"] for each in promises if each["error"]] == []


def test_numbers_have_a_head_of_one_output():
    draw = np.random.default_rng(0)
    examples = Examples(
        {"x": torch.from_numpy(draw.normal(size=(50, 4))).float(), "y": torch.from_numpy(draw.normal(size=50))}, np.arange(50)
    )
    by = ut.Convex(loss="squared", l2=0.1, task=Regression())
    model = ut.ConvexHead(model=ut.MLP(width=8), by=by)(examples)
    assert model(examples.x).shape == (50, 1)


def test_a_network_without_a_linear_head_and_a_loss_that_does_not_fit_are_refused():
    with pytest.raises(ModelError):
        ut.ConvexHead(model=lambda: nn.Sequential(nn.Flatten(), nn.Linear(16, 2), nn.ReLU()))(data())
    with pytest.raises(SpecError, match=r"labels -1 and \+1"):
        ut.ConvexHead(model=net, by=ut.Convex(loss="squared_hinge"))(data())
