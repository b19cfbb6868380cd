"""Laws from scipy.special are those of scipy.stats."""

import numpy as np
import pytest
from scipy import stats

from untrain.maths import distributions as d

RNG = np.random.default_rng(0)
Q, A, B, X = RNG.uniform(1e-6, 1 - 1e-6, 500), RNG.uniform(0.5, 60, 500), RNG.uniform(0.5, 60, 500), RNG.uniform(-9, 9, 500)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (d.t_quantile(Q, A), stats.t.ppf(Q, A)),
        (d.t_quantile(0.9, np.array([np.inf, 0.0, np.nan])), stats.t.ppf(0.9, [np.inf, 0.0, np.nan])),
        (d.t_tail(X, A), stats.t.sf(X, A)),
        (d.normal_quantile(Q), stats.norm.ppf(Q)),
        (d.normal_share(X), stats.norm.cdf(X)),
        (d.f_quantile(Q, A, B), stats.f.ppf(Q, A, B)),
        (d.beta_quantile(Q, A, B), stats.beta.ppf(Q, A, B)),
    ],
)
def test_quantiles_and_tails_are_those_of_scipy_stats_to_the_bit(ours, theirs):
    np.testing.assert_array_equal(ours, theirs)


def test_a_shifted_t_has_the_tail_of_scipy_stats():
    shifts = np.concatenate([X[:250], RNG.uniform(0, 1000, 250)])
    np.testing.assert_allclose(d.noncentral_t_tail(X, A + 1, shifts), stats.nct.sf(X, A + 1, shifts), atol=1e-12)


@pytest.mark.parametrize("sizes", [(3, 9), (2, 2), (40, 5)])
def test_the_test_of_two_groups_is_that_of_scipy_stats(sizes):
    one, other = (RNG.normal(loc=shift, size=n) for shift, n in zip((0.0, 0.7), sizes, strict=True))
    assert d.f_test(one, other) == pytest.approx(stats.f_oneway(one, other).pvalue, rel=1e-10)
    assert d.welch_test(one, other) == pytest.approx(stats.ttest_ind(one, other, equal_var=False).pvalue, rel=1e-10)
    if min(sizes) > 2:  # two values lie equally far from their median
        assert d.spread_test(one, other) == pytest.approx(stats.levene(one, other, center="median").pvalue, rel=1e-10)


def test_adjusted_p_values_are_those_of_scipy_stats():
    np.testing.assert_array_equal(d.false_discovery_rates(Q), stats.false_discovery_control(Q))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_ranks_are_those_of_scipy_stats_with_ties_and_nan(axis):
    table = RNG.integers(0, 6, (7, 11, 3)).astype(float)
    table[0, 0, 0], table[2, 3] = np.nan, 1.0
    np.testing.assert_array_equal(d.average_ranks(table, axis), stats.rankdata(table, axis=axis))
