"""Gradients of a model that stands still."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from untrain.core.errors import ModelError, NotFinite
from untrain.core.mask import Mask
from untrain.core.metering import metered
from untrain.data.examples import Examples
from untrain.models.tasks.classification import Classification
from untrain.training import gradients
from untrain.training.toy import small


class Awkward(nn.Module):
    """A network that torch cannot vectorise: it looks at a value."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.idle = nn.Linear(4, 5), nn.Linear(5, 3), nn.Linear(2, 2)

    def forward(self, x):
        x = self.one(x).tanh()
        return self.two(x) if float(x.detach().sum()) > -1e9 else self.two(-x)


class Plain(Awkward):
    """The same without looking."""

    def forward(self, x):
        return self.two(self.one(x).tanh())


def posed(kind=Plain, n=11):
    """A network with a layer that is never used, and examples."""
    draw = torch.Generator().manual_seed(3)
    torch.manual_seed(0)
    x = torch.randn(n, 4, generator=draw)
    return kind().eval(), Examples.labelled(x, torch.arange(n) % 3, np.arange(n), 3)


def by_hand(model, examples, rows, params):
    """Gradient of the mean loss of some rows."""
    loss = F.cross_entropy(model(examples.x[rows]), examples.y[rows])
    found = torch.autograd.grad(loss, list(params.values()), allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(params.values(), found, strict=True)]


def alike(ours, theirs):
    """Whether two lists of tensors agree but for rounding."""
    return all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("kind", [Plain, Awkward])
def test_each_example_has_the_gradient_that_it_has_alone(kind):
    model, examples = posed(kind)
    params = gradients.movable(model, None)
    (found,) = gradients.of_examples(model, Classification(), [examples], np.asarray([4, 0, 7]), params)
    assert [len(g) for g in found] == [3] * len(params)
    for at, row in enumerate([4, 0, 7]):
        assert alike([g[at] for g in found], by_hand(model, examples, [row], params))


def test_a_batch_has_the_gradient_of_its_mean_loss():
    model, examples = posed()
    params = gradients.movable(model, None)
    parts = [
        replace(examples.with_fields(x=examples.x[r], y=examples.y[r]), ids=examples.ids[r]) for r in (slice(0, 5), slice(5, 11))
    ]
    (found,) = gradients.of_batches(model, Classification(), parts, [np.asarray([3, 4, 5, 10])], params)
    assert alike(found, by_hand(model, examples, [3, 4, 5, 10], params))


def test_the_gradient_of_a_set_is_that_of_its_mean_loss(monkeypatch):
    monkeypatch.setattr(gradients, "SIZE", 4)
    model, examples = posed()
    params = gradients.movable(model, None)
    found = gradients.of_mean(model, Classification(), examples, params)
    assert torch.allclose(found, gradients.flat(by_hand(model, examples, list(range(11)), params)), atol=1e-6)


def test_what_never_receives_a_gradient_has_zeros():
    model, examples = posed()
    found = gradients.of_mean(model, Classification(), examples, gradients.movable(model, None))
    assert not found[-6:].any()


def test_only_what_may_move_is_asked_for():
    model, _ = posed()
    model.one.weight.requires_grad_(False)
    bits = {n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}
    bits["two.weight"][0, 0] = True
    assert list(gradients.movable(model, Mask(bits, ""))) == ["two.weight"]
    assert "one.weight" not in gradients.movable(model, None)


def test_an_empty_mask_is_refused():
    model, _ = posed()
    none = Mask({n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}, "")
    with pytest.raises(ModelError, match="no weight may move"):
        gradients.movable(model, none)


def test_written_values_stay_within_the_mask():
    model, _ = posed()
    before = model.two.weight.detach().clone()
    bits = torch.rand(3, 5, generator=torch.Generator().manual_seed(1)) < 0.5
    gradients.put(model, {"two.weight": before + 1}, Mask({"two.weight": bits}, ""))
    assert torch.equal(model.two.weight[bits], before[bits] + 1)
    assert torch.equal(model.two.weight[~bits], before[~bits])


def test_values_that_are_not_finite_are_not_written():
    model, _ = posed()
    with pytest.raises(NotFinite, match=r"two\.weight"):
        gradients.put(model, {"two.weight": torch.full((3, 5), torch.nan)}, None)


def test_nothing_of_the_model_is_touched():
    model, problem = small()
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    before = {n: t.clone() for n, t in model.state_dict().items()}
    params = gradients.movable(model, None)
    gradients.of_mean(model, problem.task, problem.forget, params)
    list(gradients.of_examples(model, problem.task, [problem.forget], np.arange(3), params))
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())
    assert all(torch.equal(p.grad, torch.ones_like(p)) for p in model.parameters())


def test_examples_and_operations_are_counted():
    model, examples = posed()
    params = gradients.movable(model, None)
    found = []
    for take in (
        lambda: gradients.of_mean(model, Classification(), examples, params),
        lambda: list(gradients.of_examples(model, Classification(), [examples], np.arange(11), params)),
    ):
        with metered() as meter:
            take()
        found.append(meter.read())
    assert [c.backward for c in found] == [11, 11]
    assert found[0].flops == found[1].flops


class Tight:
    """A task that has room for three examples."""

    def loss(self, model, batch):
        if len(batch.y) > 3:
            raise torch.OutOfMemoryError("out of memory")
        return F.cross_entropy(model(batch.x), batch.y, reduction="none")


def test_when_memory_runs_out_fewer_examples_go_through_at_a_time():
    model, examples = posed()
    params = gradients.movable(model, None)
    with metered() as meter:
        found = gradients.of_mean(model, Tight(), examples, params)
    assert torch.allclose(found, gradients.of_mean(model, Classification(), examples, params), atol=1e-6)
    assert any(note.startswith("out of memory: taking gradients takes") for note in meter.notes)


def test_operations_of_a_convolution_are_those_of_its_examples_one_by_one():
    model, problem = small()
    params, costs = gradients.movable(model, None), []
    for rows in (np.arange(1), np.arange(10)):
        with metered() as meter:
            list(gradients.of_examples(model, problem.task, [problem.forget], rows, params))
        costs.append(meter.read().flops)
    assert costs[1] == 10 * costs[0]
