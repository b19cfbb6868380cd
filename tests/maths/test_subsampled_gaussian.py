"""Renyi divergences of sampled steps, against integrals and against plain Gaussians."""

import math

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from untrain.maths.gaussian_mechanism import epsilon_of
from untrain.maths.subsampled_gaussian import epsilon, group_epsilon, renyi


@pytest.mark.parametrize(("order", "rate", "noise"), [(2, 0.1, 0.8), (3, 0.3, 1.0), (7, 0.05, 2.0), (16, 0.5, 5.0)])
def test_it_is_the_integral_and_no_less_than_the_other_way_round(order, rate, noise):
    grid = np.linspace(-60, 120, 100_001)
    near, far = norm.logpdf(grid, 0, noise), norm.logpdf(grid, 1, noise)
    mixed = np.logaddexp(math.log(rate) + far, math.log1p(-rate) + near)
    one, other = (
        (float(logsumexp(order * a + (1 - order) * b)) + math.log(grid[1] - grid[0])) / (order - 1)
        for a, b in ((mixed, near), (near, mixed))
    )
    assert renyi(order, rate, noise) == pytest.approx(one, rel=1e-6)
    assert other <= renyi(order, rate, noise) * (1 + 1e-6)


def test_whole_batches_are_plain_gaussians_and_samples_of_nearly_all_come_near():
    assert epsilon(1.0, 5.0, 9, 1e-5) == pytest.approx(epsilon_of(3 / 5, 1e-5))
    assert group_epsilon(4, 1.0, 5.0, 9, 1e-5) == pytest.approx(epsilon_of(12 / 5, 1e-5))
    near = epsilon(1 - 1e-9, 5.0, 9, 1e-5)
    assert epsilon_of(3 / 5, 1e-5) < near < 1.15 * epsilon_of(3 / 5, 1e-5)
    for order in (2, 9):
        assert renyi(order, 1 - 1e-12, 3.0) == pytest.approx(renyi(order, 1.0, 3.0))


def test_steps_are_within_what_the_law_of_one_coordinate_tells():
    """Of two steps by quadrature: delta at the claimed epsilon is within the claimed delta, and not at half of the noise."""
    rate, noise, delta, many = 0.2, 1.5, 1e-3, 1201
    claimed = epsilon(rate, noise, 2, delta)
    found = []
    for std in (noise, noise / 2):
        grid = np.linspace(-8 * std, 1 + 8 * std, many)
        step = grid[1] - grid[0]
        without, with_it = norm.pdf(grid, 0, std), rate * norm.pdf(grid, 1, std) + (1 - rate) * norm.pdf(grid, 0, std)
        p, q = np.outer(without, without), np.outer(with_it, with_it)
        found.append(max(np.maximum(a - math.exp(claimed) * b, 0).sum() * step**2 for a, b in ((p, q), (q, p))))
    assert found[0] <= delta < found[1]


def test_groups_cost_more_than_each_by_itself_and_what_was_found_fits():
    args = {"rate": 0.02, "noise": 2.0, "rounds": 50}
    alone = epsilon(**args, delta=1e-5)
    costs = [group_epsilon(count, **args, delta=1e-5) for count in (1, 2, 4, 8)]
    assert costs[0] == alone
    assert all(cost > count * alone for cost, count in zip(costs[1:], (2, 4, 8), strict=True))
    # Of 2 the best share of delta, by a search among others.
    fits = []
    for share in np.exp(-np.linspace(0, 20, 101)):
        single = epsilon(**args, delta=float(share * 1e-5))
        fits += [2 * single] if share * (math.exp(single) + 1) <= 1 else []
    assert costs[1] == pytest.approx(min(fits), rel=0.05)
