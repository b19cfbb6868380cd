"""The bound holds for the worst dependence that can be worked out by hand, and levels sum to what they share."""

import math

import pytest
from scipy import stats

from untrain.maths.sequential_fall import fall_bound, level_of_look


def test_levels_of_all_looks_sum_to_the_whole():
    # 1 / (k (k + 1)) = 1 / k - 1 / (k + 1), so that n looks take alpha n / (n + 1).
    for looks in (1, 2, 10, 500):
        assert math.isclose(sum(level_of_look(0.05, k) for k in range(1, looks + 1)), 0.05 * looks / (looks + 1))


@pytest.mark.parametrize("n", [5, 40, 200])
def test_no_coupling_of_two_samples_passes_the_bound(n):
    # X of n right before, and after it n - X of the same n: at p = 1/2 neither share falls in truth, and no dependence is worse.
    for right in range(n // 2 + 1, n + 1):
        fall = (2 * right - n) / n
        assert stats.binom.sf(right - 1, n, 0.5) <= fall_bound(fall, n, n)


@pytest.mark.parametrize(("n", "m", "p"), [(20, 50, 0.9), (60, 30, 0.5)])
def test_two_independent_samples_do_not_pass_it_either(n, m, p):
    before, after = stats.binom.pmf(range(n + 1), n, p), stats.binom.pmf(range(m + 1), m, p)
    for fall in (0.05, 0.1, 0.2, 0.3):
        chance = sum(before[i] * after[j] for i in range(n + 1) for j in range(m + 1) if i / n - j / m >= fall - 1e-12)
        assert chance <= fall_bound(fall, n, m)


def test_closed_form_and_limits():
    assert math.isclose(fall_bound(0.1, 400, 400), math.exp(-400 * 0.1**2 / 2))
    assert math.isclose(fall_bound(0.2, 100, 400), math.exp(-(0.2**2) / (2 * (1 / 20 + 1 / 40) ** 2)))
    assert fall_bound(0.0, 10, 10) == fall_bound(0.5, 0, 10) == 1.0
