"""POUR-P."""

import numpy as np
import pytest
import torch
from torch import nn

from untrain.data.examples import Examples
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.toy import small
from untrain.unlearners.pour import POUR, blinded


def simplex(classes):
    """The corners of a simplex about 0, of length 1: (c, c)."""
    corners = torch.eye(classes, dtype=torch.float64) - 1 / classes
    return corners / corners.norm(dim=1, keepdim=True)


def asked(model, *labels, width=6):
    x = torch.randn(len(labels), width, generator=torch.Generator().manual_seed(1))
    return Problem(Classification(classes=model[-1].out_features), Examples.labelled(x, torch.tensor(labels), np.arange(len(x)), 5))


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 5)).eval()


def test_what_is_left_of_a_simplex_is_a_simplex_of_one_class_less():
    """The paper's theorem: under neural collapse the other classes stay as far apart as they can be."""
    left = blinded(simplex(5), [2])
    assert float(left[2].abs().max()) < 1e-12
    others = left[[0, 1, 3, 4]]
    others = others / others.norm(dim=1, keepdim=True)
    torch.testing.assert_close(others @ others.T, simplex(4) @ simplex(4).T, atol=1e-12, rtol=0)


def test_a_collapsed_network_forgets_the_class_and_gets_every_other_one_right():
    corners = simplex(5).float()
    model = nn.Sequential(nn.Identity(), nn.Linear(5, 5)).eval()
    with torch.no_grad():
        model[1].weight.copy_(corners)
        model[1].bias.zero_()
    ours = POUR()(model, asked(model, 2, 2, width=5))
    logits = ours(corners).detach()
    assert logits.argmax(1)[[0, 1, 3, 4]].tolist() == [0, 1, 3, 4]
    assert float(logits[2].std()) < 1e-6


@pytest.mark.parametrize("gone", [(1,), (0, 3), (0, 1, 3)])
def test_the_logit_of_a_forgotten_class_is_the_mean_of_all_whatever_the_input(gone):
    model = net()
    ours = POUR()(model, asked(model, *gone, *gone))
    with torch.no_grad():
        logits = ours(10 * torch.randn(300, 6, generator=torch.Generator().manual_seed(0)))
    for label in gone:
        torch.testing.assert_close(logits[:, label], logits.mean(1), atol=1e-5, rtol=0)
    assert not set(gone) & set(logits.argmax(1).tolist())


def test_what_is_orthogonal_to_the_class_stays():
    model = net()
    ours = POUR()(model, asked(model, 1, 1))
    weight = model[2].weight.detach()
    direction = weight[1] - weight.mean(0)
    across = torch.randn(9, 9, generator=torch.Generator().manual_seed(0))
    across = across - (across @ direction)[:, None] * direction / direction.square().sum()
    torch.testing.assert_close(across @ ours[2].weight.T, across @ weight.T, atol=1e-5, rtol=1e-5)
    assert torch.equal(ours[0].weight, model[0].weight)


def test_it_neither_reads_the_examples_nor_needs_the_retain_set():
    model = net()
    first, second = (POUR()(model, problem) for problem in (asked(model, 1, 1), asked(model, 1, 1, 1)))
    assert torch.equal(first[2].weight, second[2].weight)


def test_a_request_that_leaves_less_than_two_classes_is_noted():
    model, problem = small()
    outcome = POUR().run(model, problem)
    assert any("leaves less than two: nothing is left to separate" in note for note in outcome.notes)
    logits = outcome.model(problem.rest.x).detach()
    assert float((logits - logits.mean(1, keepdim=True)).abs().max()) < 1e-4
