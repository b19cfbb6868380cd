"""How far outputs move per unit that inputs move."""

import math

import pytest
import torch

from untrain.maths.lipschitz import input_sensitivity

DRAWS = 200_000


def mean_of(weight, scale=1.0, x=0.0, bias=0.0):
    """Mean sensitivity of a linear map over Gaussian noise."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.full((DRAWS, weight.shape[1]), x, dtype=torch.float64)
    moved = inputs + scale * torch.randn(inputs.shape, generator=draw, dtype=torch.float64)
    return float(input_sensitivity(inputs @ weight.T + bias, moved @ weight.T + bias, inputs, moved).mean())


@pytest.mark.parametrize(
    ("weight", "expected", "bound"),
    [
        ([[1.0, 0.0]], 2 / math.pi, 1 / math.sqrt(2)),
        ([[2.0, 0.0], [0.0, 0.0]], 4 / math.pi, math.sqrt(2)),
        ([[1.0, 0.0], [0.0, 1.0]], 1.0, 1.0),
    ],
)
def test_that_of_a_linear_map_is_the_mean_over_the_sphere_and_below_its_norm(weight, expected, bound):
    weight = torch.tensor(weight, dtype=torch.float64)
    assert mean_of(weight) == pytest.approx(expected, abs=3e-3)
    assert expected <= bound + 1e-12 == pytest.approx(float(weight.norm()) / math.sqrt(2), abs=1e-9)


def test_that_of_the_identity_is_one_for_every_noise():
    x = torch.randn(50, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    z = x + torch.randn(50, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(input_sensitivity(x, z, x, z), torch.ones(50, dtype=torch.float64), atol=1e-14)


def test_that_of_a_linear_map_depends_on_neither_the_size_of_the_noise_nor_the_place_nor_the_bias():
    weight = torch.randn(3, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    values = [mean_of(weight, scale, x, bias) for scale, x, bias in ((0.1, 0.0, 0.0), (1.0, 5.0, 2.0), (5.0, -3.0, 0.0))]
    assert max(values) - min(values) < 1e-9
    assert max(values) <= float(weight.norm()) / math.sqrt(20)


def test_nothing_is_divided_by_zero_and_a_distance_of_zero_has_a_gradient_of_zero():
    x, weight = torch.ones(2, 3), torch.zeros(2, 3, requires_grad=True)
    moved = torch.tensor([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0]])
    value = input_sensitivity(x @ weight.T, moved @ weight.T, x, moved)
    value.sum().backward()
    assert value.tolist() == [0.0, 0.0]
    assert torch.equal(weight.grad, torch.zeros(2, 3))


def test_nan_stays_nan():
    x = torch.full((1, 2), torch.nan)
    assert bool(input_sensitivity(x, x, x, x).isnan().all())
