"""Models that are asked and do not move."""

import math

import pytest
import torch
from torch import nn

from untrain.data.examples import Batch
from untrain.models.tasks.classification import Classification
from untrain.training.distillation import outputs_of, teacher

NOTHING = Batch.labelled(torch.zeros(1, 1), torch.zeros(1).long())


def divergence(student, teacher, temperature):
    """Of a classifier's outputs."""
    return Classification().divergence(student, teacher, NOTHING, temperature)


def test_the_distance_is_the_divergence_of_the_student_from_the_teacher():
    wanted = torch.tensor([[0.5, 0.5]]).log()
    given = torch.tensor([[0.8, 0.2]]).log()
    by_hand = 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2)
    assert float(divergence(given, wanted, 1.0)) == pytest.approx(by_hand, rel=1e-5)


def test_at_high_temperature_its_gradient_is_the_difference_of_centred_answers():
    # Hinton et al. 2015, eq. 4: T^2 dC/dz = (z - v) / N for answers of mean zero; here T^2 is part of the distance.
    z, v = torch.tensor([[1.0, -0.5, -0.5]], dtype=torch.float64), torch.tensor([[-2.0, 1.0, 1.0]], dtype=torch.float64)
    z.requires_grad_(True)
    (grad,) = torch.autograd.grad(divergence(z, v, 1e4).sum(), z)
    assert torch.allclose(grad, (z - v).detach() / 3, rtol=1e-3)


def test_a_model_is_no_distance_from_itself():
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(divergence(logits, logits, 2.0), torch.zeros(5), atol=1e-6)


def test_a_certain_teacher_leaves_no_nan():
    assert torch.isfinite(divergence(torch.zeros(1, 2), torch.tensor([[0.0, -200.0]]), 1.0)).all()


def test_a_teacher_is_a_copy_that_stands_still():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).train()
    still = teacher(model, "this test")
    outputs_of(Classification(), still, Batch.labelled(torch.randn(6, 2), torch.zeros(6).long()))
    assert not still.training
    assert model.training
    assert all(p.requires_grad for p in model.parameters())
    assert not any(p.requires_grad for p in still.parameters())
    assert not still[1].running_mean.any()


def test_what_a_teacher_says_has_no_gradient():
    still = teacher(nn.Linear(2, 3), "this test")
    found = outputs_of(Classification(), still, Batch.labelled(torch.ones(1, 2), torch.zeros(1).long()))
    assert not found.requires_grad
    assert torch.equal(found, still(torch.ones(1, 2)))
