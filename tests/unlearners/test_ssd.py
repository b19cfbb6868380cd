"""Selective synaptic dampening."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import NotFinite, RunFailed
from untrain.core.mask import Mask
from untrain.data.examples import Examples, take
from untrain.models.tasks.choice import Choice
from untrain.training.problem import Problem
from untrain.training.toy import small
from untrain.unlearners.ssd import SSD, factor


class Product(Choice):
    """A task whose loss is the product of weights and inputs."""

    classes: int | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        return model(batch.x)

    def loss_of(self, outputs, batch):
        return outputs[:, 0]


def posed():
    """Three weights of 8; gradients are the inputs: one forget example, three retained."""
    model = nn.Linear(3, 1, bias=False)
    model.weight.data.fill_(8.0)
    forget = Examples.labelled(torch.tensor([[2.0, 0.0, 1.0]]), torch.zeros(1).long(), np.arange(1), 1)
    retain = Examples.labelled(torch.tensor([[0.0, 1.0, 1.0]]).repeat(3, 1), torch.zeros(3).long(), np.arange(1, 4), 1)
    return model, Problem(Product(), forget, retain)


@pytest.mark.parametrize(
    ("ours", "every", "select", "dampen", "wanted"),
    [(4, 1, 1, 1, 0.25), (4, 1, 1, 8, 1), (1, 1, 1, 1, 1), (0, 1, 1, 1, 1), (0, 0, 1, 1, 1), (4, 0, 1, 1, 0), (4, 1, 4, 1, 1)],
)
def test_the_factor_is_the_papers(ours, every, select, dampen, wanted):
    found = factor(torch.tensor([float(ours)]), torch.tensor([float(every)]), select, dampen)
    assert found.tolist() == [wanted]


def test_by_examples_importance_is_the_mean_of_squares():
    # Of all four: (4 + 0) / 4 = 1, 3 / 4, 1; of forget 4, 0, 1.
    forgot = SSD(select=1.0, squares="examples")(*posed())
    assert forgot.weight.flatten().tolist() == [2.0, 8.0, 8.0]


def test_by_the_reference_importance_is_the_square_of_the_mean_of_whatever_is_in_a_batch():
    # Of all four in one batch: 0.5^2, 0.75^2 and 1.
    forgot = SSD(select=1.0, squares="reference")(*posed())
    assert forgot.weight.flatten().tolist() == [0.5, 8.0, 8.0]


@pytest.mark.parametrize("dampen", [0.5, 2.0])
def test_dampening_has_a_strength(dampen):
    forgot = SSD(select=1.0, dampen=dampen, squares="examples")(*posed())
    assert forgot.weight.flatten().tolist() == [2.0 * dampen, 8.0, 8.0]


def test_where_nothing_is_dampened_the_run_fails_with_what_would_be():
    with pytest.raises(RunFailed, match=r"the most important for the forget set is 4 times .* lower select=5"):
        SSD(select=5.0, squares="examples")(*posed())


def test_where_only_weights_that_may_not_move_would_be_dampened_the_run_fails():
    model, problem = posed()
    bits = {"weight": torch.tensor([[False, True, True]])}
    with pytest.raises(RunFailed, match="lower select"):
        SSD(select=1.0, squares="examples")(model, replace(problem, mask=Mask(bits, problem.digest), head="masked"))


def test_weights_only_shrink_and_keep_their_signs():
    model, problem = small()
    forgot = SSD(select=1.0)(model, problem)
    for before, after in zip(model.parameters(), forgot.parameters(), strict=True):
        assert (after.abs() <= before.abs()).all()
        assert (after * before >= 0).all()


def test_batch_statistics_stay():
    outcome = SSD(select=1.0).run(*small())
    assert outcome.guard.buffer_drift == 0


def test_inputs_that_are_not_finite_are_refused():
    model, problem = posed()
    with pytest.raises(NotFinite):
        SSD()(model, replace(problem, retain=problem.retain.with_fields(x=problem.retain.x * torch.inf)))


def even(forget, retain=3000, weights=400):
    """A loss whose gradients are independent noise: no weight matters more to the forget set than to all."""
    draw = torch.Generator().manual_seed(forget)
    model = nn.Linear(weights, 1, bias=False)
    x = torch.randn(forget + retain, weights, generator=draw)
    data = Examples.labelled(x, torch.zeros(len(x)).long(), np.arange(len(x)), 1)
    return model, Problem(Product(), take(data, np.arange(forget)), take(data, np.arange(forget, len(x))))


@pytest.mark.parametrize("forget", [1, 4, 8, 60, 127, 128, 130, 150, 260])
def test_of_examples_that_matter_no_more_than_others_few_weights_are_dampened_however_few_they_are(forget):
    model, problem = even(forget)
    before = model.weight.detach().clone()
    try:
        after = SSD()(model, problem).weight
    except RunFailed:
        return
    assert (after != before).float().mean() <= 0.02  # the reference dampens ten times as many and more


@pytest.mark.parametrize("forget", [4, 8, 130])
def test_the_reference_code_dampens_by_the_size_of_batches(forget):
    model, problem = even(forget)
    before = model.weight.detach().clone()
    assert (SSD(squares="reference")(model, problem).weight != before).float().mean() > 0.1


def test_examples_that_do_matter_are_found_at_any_size():
    for forget in (4, 8, 130):
        model, problem = even(forget)
        marked = problem.forget.x.clone()
        marked[:, 7] *= 30
        after = SSD()(model, replace(problem, forget=problem.forget.with_fields(x=marked))).weight
        assert bool((after[0, 7].abs() < 0.1 * model.weight[0, 7].abs()).all())
