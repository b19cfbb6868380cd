import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from untrain.maths.bounds import clopper_pearson, epsilon, epsilon_shown, points, shared, threshold

DRAWS = np.random.default_rng(3)


def told(epsilon, count, times=1):
    """Error rates of randomized response, which answers truly with odds of ``exp(epsilon)``, in ``count`` tries each way."""
    return DRAWS.binomial(count, 1 / (1 + np.exp(epsilon)), size=(2, times)) / count


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_bounds_on_a_probability_agree_with_scipy(counted, level):
    hits, tries = counted
    expected = binomtest(hits, tries).proportion_ci(level, method="exact")
    low, high = clopper_pearson(hits, tries, level)
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_no_hit_in_n_tries_has_a_closed_form():
    low, high = clopper_pearson(0, 30, 0.9)
    assert (float(low), float(high)) == pytest.approx((0, 1 - 0.05 ** (1 / 30)))


def test_the_golden_rates_of_the_challenge():
    assert epsilon(0.1, 0.2, 1e-5) == pytest.approx(2.0794, abs=1e-4)
    assert epsilon(0.2, 0.1, 1e-5) == epsilon(0.1, 0.2, 1e-5)


def test_perfect_tests_show_infinity_and_constant_ones_nothing():
    assert epsilon(0.0, 0.0) == np.inf
    assert epsilon(np.array([1.0, 0.0, 0.5, 0.25]), np.array([0.0, 1.0, 0.5, 0.75])).tolist() == [0, 0, 0, 0]


@given(st.floats(0, 8))
def test_the_epsilon_of_randomized_response_is_recovered_from_its_rates(true):
    rate = 1 / (1 + np.exp(true))
    assert epsilon(rate, rate) == pytest.approx(true, abs=1e-9)


@given(st.floats(0.01, 0.6), st.floats(0.01, 0.4), st.floats(0, 0.2))
def test_a_law_that_meets_epsilon_and_delta_shows_no_more(fpr, fnr, delta):
    # The test with these rates just meets the trade-off at the epsilon that it shows.
    e = epsilon(fpr, fnr, delta)
    assert fpr + np.exp(e) * fnr >= 1 - delta - 1e-9
    assert fnr + np.exp(e) * fpr >= 1 - delta - 1e-9


@pytest.mark.parametrize("true", [0.5, 2.0])
def test_the_bound_on_randomized_response_holds_as_often_as_it_says(true):
    found = epsilon_shown(*told(true, 300, times=2000), (300, 300), 0.0)
    assert np.mean(found <= true) >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / 2000)


def test_the_bound_on_randomized_response_approaches_the_truth():
    gaps = [2.0 - float(epsilon_shown(*told(2.0, n), (n, n), 0.0)[0]) for n in (100, 10_000, 1_000_000)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert 0 <= gaps[2] < 0.02


def test_more_slack_shows_less():
    assert epsilon_shown(0.1, 0.1, (100, 100), 0.0) > epsilon_shown(0.1, 0.1, (100, 100), 0.1)


def test_the_chosen_threshold_lies_between_two_samples():
    cut, sign = threshold(np.arange(20.0) + 100, np.arange(20.0), 0.0)
    assert (cut, sign) == (59.5, 1)
    cut, sign = threshold(np.arange(20.0), np.arange(20.0) + 100, 0.0)
    assert (cut, sign) == (-59.5, -1)


def test_constant_scores_have_a_threshold_that_shows_nothing():
    cut, sign = threshold(np.ones(9), np.ones(7), 0.0)
    called = sign * np.ones(9) > cut
    assert epsilon(called.mean(), 1 - called.mean()) == 0


@given(st.permutations(range(12)))
def test_the_order_of_samples_does_not_move_the_threshold(order):
    a, b = np.random.default_rng(0).normal(size=(2, 12))
    assert threshold(a[order], b, 0.0) == threshold(a, b[order], 0.0)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_bound_shared_by_all_thresholds_holds_though_the_samples_choose_one(shift):
    # Of two Gaussians no test shows more than the best of all thresholds does at their true rates.
    cuts = np.linspace(-6, 6, 2001)
    wrong, missed = norm.sf(cuts), norm.cdf(cuts, shift)
    held = 0
    for _ in range(400):
        ours, theirs = DRAWS.normal(shift, size=40), DRAWS.normal(size=40)
        level = shared((40, 40))
        cut, sign = threshold(ours, theirs, 0.05, level)
        rates = np.mean(sign * theirs > cut), np.mean(sign * ours <= cut)
        held += float(epsilon_shown(*rates, (40, 40), 0.05, level)) <= epsilon(wrong, missed, 0.05).max() + 1e-9
    assert held / 400 >= 0.95


def test_one_chosen_on_the_samples_that_it_is_asked_of_shows_too_much():
    false = 0
    for _ in range(200):
        ours, theirs = DRAWS.normal(size=(2, 40))
        cut, sign = threshold(ours, theirs, 0.0, 0.5)
        false += float(epsilon_shown(np.mean(sign * theirs > cut), np.mean(sign * ours <= cut), (40, 40), 0.0, 0.5)) > 0
    assert false / 200 > 0.5


def test_the_golden_points_of_the_challenge():
    found = points(np.array([0, 0.49, 0.5, 1.2, 6.99, 7.0, np.inf]), 512)
    assert found == pytest.approx(np.array([1, 1, 0.5, 0.25, 1.2207e-4, 0, 0]), abs=1e-8)
