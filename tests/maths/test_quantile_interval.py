"""Intervals of quantiles hold them as often as they say, and end where values can lie."""

import numpy as np
import pytest

from untrain.maths.quantile_interval import quantile_interval


@pytest.mark.parametrize(("n", "q", "expected"), [
    # By hand from the binomial distribution: Bin(20, .95) is 16 or less with probability .016, and 20 with .36.
    (20, 0.95, (17, None)), (71, 0.95, (63, None)), (72, 0.95, (64, 72)), (100, 0.95, (90, 100)), (10, 0.5, (2, 9)),
])  # fmt: skip
def test_ends_are_the_ranks_that_the_binomial_distribution_allows(n, q, expected):
    values = np.random.default_rng(n).permutation(n) + 1.0
    low, high = quantile_interval(values, q, low=-1.0, high=1000.0)
    assert (low, None if high == 1000.0 else high) == expected


@pytest.mark.parametrize("q", [0.5, 0.95])
@pytest.mark.parametrize("n", [20, 100, 400])
def test_the_quantile_is_held_nineteen_times_in_twenty_and_not_always(n, q):
    draw = np.random.default_rng(n)
    hits = 0
    for _ in range(600):
        low, high = quantile_interval(draw.exponential(size=n), q, 0.0, np.inf)
        hits += low <= -np.log(1 - q) <= high
    assert 0.935 <= hits / 600 < 1


def test_values_of_one_owner_that_are_all_alike_count_once():
    draw, hits, wrong = np.random.default_rng(0), 0, 0
    owners = np.arange(40).repeat(5)
    for _ in range(300):
        values = draw.normal(size=40).repeat(5)
        low, high = quantile_interval(values, 0.5, -np.inf, np.inf, owners)
        hits += low <= 0 <= high
        low, high = quantile_interval(values, 0.5, -np.inf, np.inf)
        wrong += not low <= 0 <= high
    assert hits / 300 >= 0.93
    assert wrong / 300 > 0.2
