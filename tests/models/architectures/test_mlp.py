"""The multi-layer perceptron."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from untrain.core.errors import SpecError
from untrain.models.architectures.mlp import MLP


@pytest.mark.parametrize("shape", [(5,), (1, 8, 8), (3, 4, 2)])
def test_it_flattens_inputs_of_any_shape(shape):
    assert MLP(width=4).build(shape, 3)(torch.zeros(2, *shape)).shape == (2, 3)


@pytest.mark.parametrize(("depth", "norm"), [(0, "none"), (1, "none"), (3, "none"), (2, "batch"), (2, "layer")])
def test_the_number_of_parameters_follows_the_formula(depth, norm):
    d, w, c = 12, 5, 3
    net = MLP(width=w, depth=depth, norm=norm).build((3, 4), c)
    sides = [d, *[w] * depth, c]
    by_hand = sum(a * b + b for a, b in pairwise(sides)) + (2 * w * depth if norm != "none" else 0)
    assert sum(p.numel() for p in net.parameters()) == by_hand


def test_without_hidden_layers_it_is_linear():
    net = MLP(depth=0).build((6,), 2)
    a, b = torch.randn(2, 4, 6)
    assert torch.allclose(net(a) + net(b) - net(a + b), net(torch.zeros(1, 6)).expand(4, 2), atol=1e-6)
    assert [type(part) for part in net] == [nn.Flatten, nn.Linear]


def test_hidden_layers_are_rectified_one_by_one():
    net = MLP(width=3, depth=2).build((4,), 2)
    assert [type(part).__name__ for part in net] == ["Flatten", "Linear", "ReLU", "Linear", "ReLU", "Linear"]


@pytest.mark.parametrize("wrong", [{"width": 0}, {"depth": -1}, {"norm": "group"}])
def test_a_field_out_of_range_is_refused(wrong):
    with pytest.raises(SpecError, match=next(iter(wrong))):
        MLP(**wrong)
