"""Noise where the retain set does not care."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import SpecError
from untrain.data.examples import Examples
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.toy import small
from untrain.unlearners import fishernoise
from untrain.unlearners.fishernoise import FisherNoise, levelled


def posed(d=300, classes=10, n=20):
    """A linear classifier, some of whose inputs are always zero, and its Fisher information in closed form."""
    draw = torch.Generator().manual_seed(6)
    x = torch.randn(n, d, generator=draw, dtype=torch.float64)
    x[:, :50] = 0
    torch.manual_seed(0)
    model = nn.Linear(d, classes, bias=False).double()
    retain = Examples.labelled(x, torch.zeros(n).long(), np.arange(n), classes)
    p = model(x).softmax(1).detach()
    information = torch.einsum("nc,nd->cd", p * (1 - p), x**2) / n
    return model, Problem(Classification(), replace(retain, ids=np.arange(n, 2 * n)), retain), information


def like_standard(noise):
    """Whether draws have the mean and the variance of a standard normal within four standard errors."""
    n = noise.numel()
    return abs(float(noise.mean())) < 4 * n**-0.5 and abs(float(noise.var()) - 1) < 4 * (2 / n) ** 0.5


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_the_variance_is_alpha_over_a_power_of_the_information(power):
    model, problem, information = posed()
    forgot = FisherNoise(alpha=1e-4, power=power, level=False)(model, problem)
    noise = (forgot.weight - model.weight).detach()[:, 50:]
    assert like_standard(noise / (1e-4 / (information[:, 50:] + 1e-8) ** power) ** 0.5)


def test_what_retain_does_not_see_gets_the_most_and_no_more():
    model, problem, _ = posed()
    forgot = FisherNoise(alpha=1e-4, most=100.0, level=False)(model, problem)
    assert like_standard((forgot.weight - model.weight).detach()[:, :50] / (1e-4 * 100) ** 0.5)


def test_levelled_variances_are_means_over_inputs():
    variance = torch.arange(12.0).reshape(2, 3, 2)
    assert levelled(variance, often=False)[1].tolist() == [[8.0, 9.0]] * 3
    assert levelled(torch.tensor([1.0, 2.0]), often=True).tolist() == [10.0, 20.0]


def test_the_head_gets_ten_times_the_mean():
    model, problem, information = posed()
    forgot = FisherNoise(alpha=1e-4)(model, problem)
    variance = 10 * 1e-4 * (1 / (information + 1e-8)).clamp(max=1e3).mean(1, keepdim=True)
    assert like_standard((forgot.weight - model.weight).detach() / variance**0.5)


def test_seeds_draw_different_noise():
    model, problem = small()
    one, other = (FisherNoise()(model, replace(problem, seed=s)) for s in (1, 2))
    assert not any(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_forget_set_has_no_part_in_it():
    model, problem = small()
    spoiled = replace(problem, forget=problem.forget.with_fields(y=0 * problem.forget.y, x=problem.forget.x + 9))
    one, other = FisherNoise()(model, problem), FisherNoise()(model, spoiled)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_information_is_of_as_many_retain_examples_as_asked_for_drawn_by_the_seed(monkeypatch):
    model, problem = small()
    seen = []
    real = fishernoise.fisher

    def noted(model, task, examples, rows, params):
        seen.append(rows.tolist())
        return real(model, task, examples, rows, params)

    monkeypatch.setattr(fishernoise, "fisher", noted)
    for samples, seed in ((10, 1), (10, 2), (10_000, 1)):
        FisherNoise(samples=samples)(model, replace(problem, seed=seed))
    assert [len(set(rows)) for rows in seen] == [10, 10, len(problem.retain)]
    assert seen[0] != seen[1]
    assert max(seen[0]) >= 10


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"power": 1.5}, {"most": -1.0}, {"samples": 0}])
def test_a_field_out_of_range_is_refused(wrong):
    with pytest.raises(SpecError, match=next(iter(wrong))):
        FisherNoise(**wrong)
