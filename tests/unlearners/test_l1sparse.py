"""Finetuning that thins the weights out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.mask import Mask
from untrain.data.examples import Examples
from untrain.models.tasks.choice import Choice
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.l1sparse import L1Sparse, decayed


class Product(Choice):
    """A task whose loss is weight times input."""

    classes: int | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        return model(batch.x)

    def loss_of(self, outputs, batch):
        return outputs[:, 0]


@pytest.mark.parametrize(("epoch", "weight"), [(0, 7e-5), (15, 3.5e-5), (29, 7e-5 / 30)])
def test_the_weight_falls_to_zero_in_a_line(epoch, weight):
    assert decayed(7e-5, epoch, 30) == pytest.approx(weight, rel=1e-12)
    assert decayed(7e-5, 29, 30) == pytest.approx(2.3333e-6, rel=1e-4)


@pytest.mark.parametrize("start", [3.0, -3.0])
def test_each_step_takes_the_slope_and_the_sign_of_the_weight(start):
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(start)
    sides = [Examples.labelled(torch.full((4, 1), 2.0), torch.zeros(4).long(), np.arange(4) + at, 1) for at in (0, 4)]
    steps = Steps(lr=0.1, epochs=2, optimizer=SGD(momentum=0), schedule=Constant())
    forgot = L1Sparse(gamma=0.5, steps=steps)(model, Problem(Product(), *sides))
    sign = start / 3
    assert float(forgot.weight.detach()) == pytest.approx(start - 0.1 * (2 + 0.5 * sign) - 0.1 * (2 + 0.25 * sign))


def test_without_weight_it_is_finetuning_bit_for_bit():
    steps = Steps(lr=0.05, epochs=3, batch=8)
    one, other = L1Sparse(gamma=0.0, steps=steps)(*small()), Finetune(steps=steps)(*small())
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_the_norm_falls_the_more_the_larger_its_weight():
    norms = []
    for gamma in (0.0, 1e-3, 1e-2):
        forgot = L1Sparse(gamma=gamma, steps=Steps(lr=0.05, epochs=5, batch=8))(*small())
        norms.append(sum(float(p.detach().abs().sum()) for p in forgot.parameters()))
    assert norms == sorted(norms, reverse=True)


def test_what_may_not_move_is_not_thinned():
    model, problem = small()
    bits = {n: torch.rand(p.shape, generator=torch.Generator().manual_seed(4)) < 0.3 for n, p in model.named_parameters()}
    problem = replace(problem, mask=Mask(bits, problem.digest), head="masked")
    forgot = L1Sparse(gamma=0.1, steps=Steps(lr=0.05, epochs=2, batch=8))(model, problem)
    assert all(
        torch.equal(a[~bits[n]], b[~bits[n]]) for (n, a), b in zip(forgot.named_parameters(), model.parameters(), strict=True)
    )
