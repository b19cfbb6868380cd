import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from untrain.maths.gaussian_mechanism import delta_of, epsilon_of, noise_multiplier, together


@pytest.mark.parametrize(
    ("epsilon", "delta", "analytic", "guo"),
    [
        (0.1, 1e-5, 30.74957, 48.82293),
        (0.5, 1e-5, 7.03183, 9.76459),
        (1, 1e-5, 3.73063, 4.88229),
        (2, 1e-5, 1.99381, 2.44115),
        (8, 1e-5, 0.60023, 0.61029),
        (0.1, 0.01, 9.54182, 31.65639),
    ],
)
def test_multipliers_are_those_of_the_table(epsilon, delta, analytic, guo):
    assert noise_multiplier(epsilon, delta) == pytest.approx(analytic, abs=5e-6)
    assert noise_multiplier(epsilon, delta, "guo") == pytest.approx(guo, abs=5e-6)


def test_the_classical_formula_is_refused_where_it_is_unproven():
    assert noise_multiplier(0.1, 1e-5, "classical") == pytest.approx(48.44805, abs=5e-6)
    assert noise_multiplier(0.1, 0.01, "classical") == pytest.approx(31.07511, abs=5e-6)
    with pytest.raises(ValueError, match="epsilon below 1"):
        noise_multiplier(1.0, 1e-5, "classical")


def test_delta_is_the_integral_of_what_one_law_has_more():
    epsilon, mean = 0.7, 1.3
    x = np.linspace(-12, 14, 2_000_001)
    more = stats.norm.pdf(x, mean) - math.exp(epsilon) * stats.norm.pdf(x)
    assert delta_of(epsilon, mean) == pytest.approx(np.trapezoid(np.maximum(more, 0), x), rel=1e-8)


def test_a_formula_that_gives_too_little_noise_is_refused():
    assert delta_of(2.0, 1 / noise_multiplier(2.0, 1e-5, "guo")) <= 1e-5
    for epsilon in (10.0, 50.0):
        with pytest.raises(ValueError, match="the formula 'guo' gives delta"):
            noise_multiplier(epsilon, 1e-5, "guo")
    with pytest.raises(ValueError, match="there is no formula 'gou'"):
        noise_multiplier(1.0, 1e-5, "gou")


@pytest.mark.parametrize(("epsilon", "delta"), [(1e30, 1e-5), (1e-14, 1e-14)])
def test_what_no_noise_in_reach_gives_is_refused(epsilon, delta):
    with pytest.raises(ValueError, match="ask for noise beyond"):
        noise_multiplier(epsilon, delta)


@given(st.floats(0.01, 30), st.floats(1e-12, 0.5))
def test_multiplier_and_epsilon_are_inverse(epsilon, delta):
    assert epsilon_of(1 / noise_multiplier(epsilon, delta), delta) == pytest.approx(epsilon, rel=1e-6)


def test_extremes_give_no_overflow():
    assert delta_of(1e4, 1.0) == 0.0
    assert delta_of(0.0, 1e-300) < 1e-299
    assert delta_of(1.0, 0.0) == 0.0
    assert epsilon_of(0.0, 1e-9) == 0.0
    assert epsilon_of(1e3, 1e-5) == pytest.approx(5e5, rel=0.02)


def test_releases_add_up_as_one_release_of_their_squares():
    """The likelihood ratio of k independent draws depends on their sum alone, which is normal."""
    draw = np.random.default_rng(0)
    means = np.array([0.3, 0.4, 1.2])
    null, other = draw.normal(size=(2, 200_000, 3))
    ratio = [(x * means).sum(1) for x in (null, other + means)]
    apart = (ratio[1].mean() - ratio[0].mean()) / ratio[0].std()
    assert together(means) == pytest.approx(1.3)
    assert apart == pytest.approx(together(means), abs=0.01)


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0, 1e-5), (-1, 1e-5), (math.nan, 1e-5), (math.inf, 1e-5), (1, 0), (1, 1), (1, math.nan)]
)
def test_what_is_out_of_range_is_refused(epsilon, delta):
    with pytest.raises(ValueError, match="must be"):
        noise_multiplier(epsilon, delta)
