"""The Fisher information."""

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import NotFinite
from untrain.data.examples import Examples
from untrain.models.tasks.classification import Classification
from untrain.training.fisher_information import fisher
from untrain.training.gradients import movable


def posed(n=7):
    """A linear classifier in double precision, and examples."""
    torch.manual_seed(2)
    x = torch.randn(n, 4, dtype=torch.float64)
    return nn.Linear(4, 3).double().eval(), Examples.labelled(x, torch.zeros(n).long(), np.arange(n), 3)


class Looking(nn.Module):
    """A linear classifier whose backward pass torch cannot vectorise."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        out = self.inner(x)
        out.register_hook(lambda grad: grad * 1.0 if float(grad.abs().sum()) >= 0 else grad)
        return out


@pytest.mark.parametrize("wrap", [lambda model: model, Looking])
def test_of_a_linear_classifier_it_is_p_times_one_less_p_times_the_input_squared(wrap):
    model, examples = posed()
    rows = np.asarray([1, 3, 6])
    weight, bias = fisher(wrap(model), Classification(), examples, rows, movable(model, None))
    p = model(examples.x[rows]).softmax(1).detach()
    spread = p * (1 - p)
    assert torch.allclose(bias, spread.mean(0))
    assert torch.allclose(weight, torch.einsum("nc,nd->cd", spread, examples.x[rows] ** 2) / 3)


def test_the_labels_as_given_have_no_part_in_it():
    model, examples = posed()
    params = movable(model, None)
    found = [
        fisher(model, Classification(), Examples.labelled(examples.x, y, examples.ids, 3), np.arange(7), params)
        for y in (examples.y, examples.y + 2)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_inputs_that_are_not_finite_are_refused():
    model, examples = posed()
    broken = Examples.labelled(examples.x * torch.nan, examples.y, examples.ids, 3)
    with pytest.raises(NotFinite, match="gradient"):
        fisher(model, Classification(), broken, np.arange(2), movable(model, None))
