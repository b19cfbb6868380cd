"""Influence unlearning."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from untrain.core.mask import Mask
from untrain.data.examples import Examples
from untrain.models.tasks.choice import Choice
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.toy import small
from untrain.unlearners import woodfisher
from untrain.unlearners.woodfisher import WoodFisher


def posed(forget=4, retain=9):
    """A linear classifier of six weights in double precision."""
    torch.manual_seed(5)
    sides = []
    for n, first in ((forget, 0), (retain, forget)):
        x, y = torch.randn(n, 2, dtype=torch.float64), torch.randint(3, (n,))
        sides.append(Examples.labelled(x, y, np.arange(first, first + n), 3))
    return nn.Linear(2, 3, bias=False).double(), Problem(Classification(), *sides)


def by_hand(model, problem):
    """v, and the gradients of retain examples, one a row."""

    def gradient(x, y):
        return torch.autograd.grad(F.cross_entropy(model(x), y), model.weight)[0].flatten()

    sides = [
        torch.stack([gradient(e.x[i : i + 1], e.y[i : i + 1]) for i in range(len(e))]) for e in (problem.forget, problem.retain)
    ]
    share = len(sides[0]) / (len(sides[0]) + len(sides[1]))
    return share * (sides[0].mean(0) - sides[1].mean(0)), sides[1]


def moved(before, after):
    """The change of all weights."""
    return (after.weight - before.weight).detach().flatten()


@pytest.mark.parametrize("damping", [1.0, 0.01])
def test_the_step_solves_the_damped_system_exactly(damping):
    model, problem = posed()
    v, g = by_hand(model, problem)
    dense = damping * torch.eye(6, dtype=torch.float64) + g.T @ g / len(g)
    step = moved(model, WoodFisher(scale=3.0, damping=damping)(model, problem))
    assert torch.allclose(step, 3 * torch.linalg.solve(dense, v), rtol=0, atol=1e-10)


def test_gradients_in_many_blocks_give_the_same_step(monkeypatch):
    model, problem = posed()
    whole = moved(model, WoodFisher()(model, problem))
    monkeypatch.setattr(woodfisher, "ROOM", 2 * 6 * 8)
    assert torch.allclose(moved(model, WoodFisher()(model, problem)), whole, atol=1e-12)


def test_the_reference_only_corrects_along_the_first_retain_gradient():
    model, problem = posed()
    v, g = by_hand(model, problem)
    off = moved(model, WoodFisher(scale=1.0, reference=True)(model, problem)) - v
    along = g[0] / g[0].norm()
    # One unit in the last place of a weight is 1e-16: the correction itself is of order 1e-4.
    assert float((off - (off @ along) * along).norm()) < 1e-11 * float(v.norm())
    assert float(off.norm()) > 1e-6


def test_the_exact_step_corrects_in_other_directions_too():
    model, problem = posed()
    v, g = by_hand(model, problem)
    off = moved(model, WoodFisher(damping=1.0)(model, problem)) - v
    along = g[0] / g[0].norm()
    assert float((off - (off @ along) * along).norm()) > 0.1 * float(off.norm())


class Square(Choice):
    """A task whose loss is half the squared distance of the weight from the label."""

    classes: int | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        return model(batch.x)

    def loss_of(self, outputs, batch):
        return (outputs[:, 0] - batch.y) ** 2 / 2


def test_a_mean_goes_from_that_of_all_to_that_of_retain_but_for_the_information_in_place_of_the_curvature():
    model = nn.Linear(1, 1, bias=False).double()
    model.weight.data.fill_(8 / 6)  # the mean of 0, 0, 2, 2 and of 2, 2, which are to go
    ones = torch.ones(4, 1, dtype=torch.float64)
    retain = Examples.labelled(ones, torch.tensor([0, 0, 2, 2]), np.arange(4), 1)
    forget = Examples.labelled(ones[:2], torch.tensor([2, 2]), np.arange(4, 6), 1)
    forgot = WoodFisher(damping=1e-7)(model, Problem(Square(), forget, retain))
    # The curvature is 1, and from 4 / 3 to the mean of retain it is 1 / 3; the mean squared gradient on retain is 10 / 9.
    assert float(forgot.weight.detach()) == pytest.approx(4 / 3 - (1 / 3) / (10 / 9))


def test_under_a_mask_the_system_is_that_of_what_may_move():
    model, problem = posed()
    v, g = by_hand(model, problem)
    free = torch.tensor([True, False, True, True, False, False])
    dense = 0.1 * torch.eye(3, dtype=torch.float64) + g[:, free].T @ g[:, free] / len(g)
    problem = replace(problem, mask=Mask({"weight": free.reshape(3, 2)}, problem.digest), head="masked")
    step = moved(model, WoodFisher(damping=0.1)(model, problem))
    assert torch.allclose(step[free], torch.linalg.solve(dense, v[free]), rtol=0, atol=1e-10)
    assert not step[~free].any()


def test_as_many_samples_are_taken_as_asked_for():
    model, problem = posed()
    costs = [WoodFisher(samples=k).run(model, problem).cost.backward for k in (1, 5, 100)]
    assert costs == [13 + 1, 13 + 5, 13 + 9]


def test_it_moves_away_from_the_forget_set():
    model, problem = small()
    forgot = WoodFisher()(model, problem)
    before, after = (float(problem.task.loss(m, problem.forget).mean().detach()) for m in (model, forgot))
    assert after > before


def test_batch_statistics_stay():
    assert WoodFisher().run(*small()).guard.buffer_drift == 0


def test_the_reference_is_the_codes_recursion_over_the_first_1002_retain_examples():
    model, problem = posed(retain=1010)
    v, g = by_hand(model, problem)
    k, o = v.clone(), g[0].clone()
    for at in range(1, 1002):
        below = 1000 + o @ g[at]
        k, o = k - (k @ g[at]) / below * o, o - (o @ g[at]) / below * o
    step = moved(model, WoodFisher(scale=2.0, reference=True)(model, problem))
    assert torch.allclose(step, 2 * k, rtol=0, atol=1e-13)
    assert float((k - v).norm()) > 1e-4  # what the recursion adds is a billion times the tolerance


def test_under_a_mask_the_references_recursion_is_that_over_all_weights_and_the_mask_falls_on_its_step():
    model, problem = posed()
    free = torch.tensor([True, False, True, True, False, False])
    masked = replace(problem, mask=Mask({"weight": free.reshape(3, 2)}, problem.digest), head="masked")
    whole, part = (moved(model, WoodFisher(scale=50.0, reference=True)(model, each)) for each in (problem, masked))
    assert torch.equal(part, torch.where(free, whole, torch.zeros_like(whole)))
    assert whole[~free].abs().min() > 0
    alone, g = by_hand(model, problem)
    k, o = alone[free], g[0][free]  # what a recursion over the weights that may move would give
    for row in g[1:]:
        below = 1000 + o @ row[free]
        k, o = k - (k @ row[free]) / below * o, o - (o @ row[free]) / below * o
    assert not torch.allclose(part[free], 50 * k, rtol=0, atol=1e-9)
