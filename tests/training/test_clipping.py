"""Gradients scaled down where they are large."""

import pytest
import torch
from torch import nn

from untrain.training.clipping import clip
from untrain.training.trainable import TrainablePart


def part(*grad):
    """A part that may move as a whole, with a gradient or without."""
    weight = nn.Parameter(torch.zeros(max(len(grad), 1)))
    weight.grad = torch.tensor(grad) if grad else None
    return TrainablePart(weight, weight)


def test_it_is_torchs_own_clipping():
    torch.manual_seed(0)
    parts = [part(*torch.randn(5).tolist()) for _ in range(3)]
    theirs = [nn.Parameter(torch.zeros(5)) for _ in parts]
    for p, q in zip(parts, theirs, strict=True):
        q.grad = p.optimized.grad.clone()
    nn.utils.clip_grad_norm_(theirs, 0.7)
    clip(parts, 0.7)
    for p, q in zip(parts, theirs, strict=True):
        assert torch.allclose(p.optimized.grad, q.grad, rtol=1e-5)


def test_a_shorter_gradient_stays_to_the_last_bit():
    one = part(0.1, 0.2)
    clip([one], 1.0)
    assert torch.equal(one.optimized.grad, torch.tensor([0.1, 0.2]))


def test_what_has_no_gradient_counts_nothing():
    one, none = part(3.0, 4.0), part()
    clip([one, none], 1.0)
    assert one.optimized.grad.tolist() == pytest.approx([0.6, 0.8])
    clip([none], 1.0)
    assert none.optimized.grad is None
