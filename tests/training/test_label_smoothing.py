"""Labels of which a share is spread over all classes."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from untrain.data.examples import Batch
from untrain.models.tasks.classification import Classification
from untrain.training.label_smoothing import smoothed_loss

SAME = nn.Identity()


def batch(*logits, label=0):
    """One example whose logits a model gives that returns its input."""
    return Batch.labelled(torch.tensor([logits]), torch.tensor([label]))


def test_two_classes_by_hand():
    # p = (3/4, 1/4): the label counts 0.9 and each class, the label among them, 0.05 more.
    found = smoothed_loss(Classification(), SAME, batch(math.log(3.0), 0.0), 0.1)
    assert float(found[0]) == pytest.approx(-0.95 * math.log(0.75) - 0.05 * math.log(0.25))


def test_nothing_smoothed_is_the_tasks_own_loss_to_the_last_bit():
    x = torch.randn(9, 4)
    one = Batch.labelled(x, torch.arange(9) % 4)
    assert torch.equal(smoothed_loss(Classification(), SAME, one, 0.0), Classification().loss(SAME, one))


@given(st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=6), st.floats(0, 1))
def test_it_is_never_below_zero(logits, smoothing):
    assert float(smoothed_loss(Classification(), SAME, batch(*logits), smoothing)) >= 0


def test_labels_that_are_all_smoothed_do_not_matter():
    found = [float(smoothed_loss(Classification(), SAME, batch(1.0, 2.0, 5.0, label=y), 1.0)) for y in range(3)]
    assert found == pytest.approx([found[0]] * 3)
