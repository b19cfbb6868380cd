"""The two-sample test beside scipy's, and on all arrangements of small samples."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from untrain.maths.kolmogorov_smirnov import distance, log_p_values


@pytest.mark.parametrize("n", [1, 2, 5, 40, 100])
def test_distance_and_p_value_are_those_of_scipy(n):
    rng = np.random.default_rng(n)
    for shift in (0.0, 0.5, 3.0):
        first, second = np.sort(rng.normal(size=n)), np.sort(rng.normal(size=n) + shift)
        theirs = stats.ks_2samp(first, second, method="exact")
        k = distance(first, second)
        assert k / n == pytest.approx(theirs.statistic)
        assert np.exp(log_p_values(n)[k]) == pytest.approx(theirs.pvalue, rel=1e-9)


def test_p_values_count_arrangements():
    n = 4
    distances = []
    for chosen in combinations(range(2 * n), n):
        others = np.array([at for at in range(2 * n) if at not in chosen], dtype=float)
        distances.append(distance(np.array(chosen, dtype=float), others))
    shares = [np.mean(np.array(distances) >= k) for k in range(n + 1)]
    assert np.exp(log_p_values(n)).tolist() == pytest.approx(shares)


def test_tiny_p_values_have_a_logarithm():
    assert log_p_values(400)[-1] == pytest.approx(np.log(2) - math.log(math.comb(800, 400)))
    assert (np.diff(log_p_values(400)) <= 1e-9).all()
