"""Tests against margins: their errors at the edge, their power, and single models that lie apart."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from untrain.evaluation.protocols.endpoints import ABOUT, Endpoint
from untrain.evaluation.protocols.margin_test import BEYOND, allowed, difference, judge, outside, within
from untrain.evaluation.protocols.protocol import Margin

DRAWS = 4000


def most(rate, tries=DRAWS):
    """The share that a test of this rate passes by chance once in 10,000 runs of so many tries."""
    return stats.binom.ppf(1 - 1e-4, tries, rate) / tries


def endpoint(ours, theirs, name="forget", **more):
    return Endpoint(name, ABOUT[name], np.asarray(ours, float), np.asarray(theirs, float), **more)


def normal(m, k, shift=0.0, seed=0, draws=DRAWS):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(draws, m)) + shift, draw.normal(size=(draws, k))


@pytest.mark.parametrize(("m", "k"), [(3, 6), (5, 10), (5, 20), (10, 10)])
def test_models_at_the_edge_of_the_absolute_margin_seldom_pass(m, k):
    ours, theirs = normal(m, k, shift=2.0)
    d = difference(ours, theirs, 0.0, 1)
    assert within(d, Margin(absolute=2.0), 0.0, 0.05).mean() <= most(0.05)


@pytest.mark.parametrize(("m", "k"), [(3, 6), (5, 10), (5, 20), (10, 10)])
@pytest.mark.parametrize("way", [1, -1, 0])
def test_models_at_the_edge_of_the_margin_in_spreads_seldom_pass(m, k, way):
    ours, theirs = normal(m, k, shift=3.0 * (way or 1))
    d = difference(ours, theirs, 3.0, way)
    assert within(d, Margin(spreads=3.0), 3.0, 0.05).mean() <= most(0.05)


def test_one_fixed_model_at_the_edge_seldom_passes():
    _, theirs = normal(1, 19)
    d = difference(np.full((DRAWS, 1), 2.0), theirs, 0.0, 1)
    assert within(d, Margin(absolute=2.0), 0.0, 0.05).mean() <= most(0.05)
    assert d.error == pytest.approx(theirs.std(1, ddof=1) / np.sqrt(19)), (
        "the model is what it is; where the others lie is not known"
    )


def test_one_model_is_allowed_a_spread_more_since_it_is_a_draw():
    assert (allowed(Margin(spreads=3.0), 1), allowed(Margin(spreads=3.0), 2), allowed(Margin(absolute=1.0), 1)) == (4.0, 3.0, 0.0)


def test_harmless_differences_pass_however_large():
    ours, theirs = normal(5, 10, shift=-50.0)
    d = difference(ours, theirs, 3.0, 1)
    assert within(d, Margin(spreads=3.0), 3.0, 0.05).all()
    assert not within(replace(d, harmful=-d.harmful), Margin(spreads=3.0), 3.0, 0.05).any()


@pytest.mark.parametrize(("m", "k"), [(1, 19), (3, 3), (3, 6), (5, 10)])
@pytest.mark.parametrize("law", ["normal", "heavy"])
def test_retrained_models_are_almost_never_outside(m, k, law):
    draw = np.random.default_rng(1)
    values = draw.normal(size=(DRAWS, m + k)) if law == "normal" else draw.standard_t(3, size=(DRAWS, m + k))
    margin = Margin(spreads=3.0)
    d = difference(values[:, :m], values[:, m:], allowed(margin, m), 0)
    assert outside(d, margin, allowed(margin, m), 1).mean() <= BEYOND


def test_what_is_far_outside_is_found():
    ours, theirs = normal(5, 10, shift=12.0)
    d = difference(ours, theirs, 3.0, 1)
    assert outside(d, Margin(spreads=3.0), 3.0, 5).mean() > 0.9
    assert not outside(difference(-ours, theirs, 3.0, 1), Margin(spreads=3.0), 3.0, 5).any()


def test_variances_are_pooled_unless_ours_is_clearly_larger():
    theirs = np.array([[0.0, 1.0, 2.0, 3.0, 4.0]])
    alike = difference(np.array([[1.0, 2.0, 3.0]]), theirs, 0.0, 1)
    assert alike.error**2 == pytest.approx((2 * 1.0 + 4 * 2.5) / 6 / 3 + 2.5 / 5)
    wide = difference(np.array([[-20.0, 2.0, 20.0]]), theirs, 0.0, 1)
    assert wide.error**2 == pytest.approx(np.var([-20, 2, 20], ddof=1) / 3 + 2.5 / 5)
    assert wide.freedom < 2.1, "almost all of the error is known by 3 models"


def test_an_endpoint_has_a_difference_an_interval_and_a_bound():
    theirs = np.random.default_rng(2).normal(0, 0.1, 12)
    judged = judge(endpoint([0.2], theirs, "test loss"), Margin(absolute=0.5), 0.05, 5)
    low, _ = stats.ttest_1samp(theirs, 0.0).confidence_interval(0.90)
    _, high = stats.ttest_1samp(theirs, 0.0).confidence_interval(1 - 2 * BEYOND / 5)
    assert (judged.low, judged.high) == (pytest.approx(0.2 - high), pytest.approx(0.2 - low)), "at the level of either side"
    assert (judged.says, judged.harm, judged.bound) == ("within", "broke", pytest.approx(0.2 - low))
    assert judged.each[0] == pytest.approx((0.2 - theirs.mean()) / theirs.std(ddof=1))


MARGINS = (Margin(3.0, 0.05, 0.25), Margin(3.0), Margin(absolute=0.3), Margin(1.0, 0.3, 0.4))


@pytest.mark.parametrize("name", ["forget", "test", "example"])
@pytest.mark.parametrize("m", [1, 5])
def test_what_is_said_can_be_read_off_the_interval_and_the_margin(name, m):
    draw, said = np.random.default_rng(4), set()
    for shift in np.linspace(-3.0, 3.0, 61):
        theirs = draw.normal(0, draw.choice([0.0, 0.03, 0.1, 0.3]), 12)
        given = endpoint(theirs.mean() + shift + draw.normal(0, 0.1, m), theirs, name, step=draw.choice([0.0, 0.3]))
        given = replace(given, plain=(given.ours / 3, given.theirs)) if draw.random() < 0.3 else given
        judged = judge(given, MARGINS[draw.integers(4)], 0.05, 5)
        way, edge = given.way, judged.margin + 1e-12
        harms = (judged.low, judged.high) if way >= 0 else (-judged.high, -judged.low)
        inside = harms[1] <= edge and (way != 0 or -edge <= harms[0]) and judged.margin > 0
        beyond = harms[0] > edge - 2e-12 or (way == 0 and harms[1] < 2e-12 - edge)
        assert (inside, beyond) == (judged.says == "within", judged.says == "outside"), judged
        assert judged.low <= judged.difference + 1e-12, judged
        assert judged.difference <= judged.high + 1e-12, judged
        said.add(judged.says)
    assert said == {"within", "outside", "open"}


def test_lower_loss_on_the_forget_set_remembers_and_higher_over_forgets():
    draw = np.random.default_rng(3)
    theirs = draw.normal(size=12)
    for shift, harm in ((-30, "remembers"), (30, "over-forgets")):
        judged = judge(endpoint(theirs[:5] + shift, theirs), Margin(spreads=3.0), 0.05, 5)
        assert (judged.says, judged.harm) == ("outside", harm)
    better = judge(endpoint(theirs[:5] + 30, theirs, "test"), Margin(spreads=3.0), 0.05, 5)
    assert (better.says, better.harm, better.bound) == ("within", "", 0.0)


def test_models_that_agree_by_chance_are_no_evidence():
    same = np.full(6, 0.9)
    assert judge(endpoint(same[:3], same, "test"), Margin(absolute=0.01), 0.05, 5).says == "within"
    lower = endpoint(same[:3] - 0.05, same, "test", step=0.05)
    assert judge(lower, Margin(3.0, 0.01), 0.05, 5).says == "open", "one of 20 examples fewer; retrained models differ by as much"
    assert judge(replace(lower, step=0.001), Margin(3.0, 0.01), 0.05, 5).says == "outside"


def test_of_one_retrained_model_nothing_can_be_said():
    judged = judge(endpoint([0.5, 0.6], [0.1]), Margin(3.0, 0.1), 0.05, 5)
    assert (judged.says, judged.low, judged.bound, judged.each) == ("open", None, None, None)


def test_retrained_models_that_are_all_one_are_compared_by_examples():
    given = endpoint([0.02], [0.0, 0.0, 0.0], "test", error=0.01)
    judged = judge(given, Margin(3.0, 0.05), 0.05, 3)
    assert judged.low == pytest.approx(0.02 - stats.norm.ppf(0.99) * 0.01), "a fifth of the level is that of the absolute distance"
    assert judge(replace(given, ours=np.array([-0.04])), Margin(3.0, 0.05), 0.05, 3).says == "open"


def test_one_failing_model_in_ten_is_named():
    draw = np.random.default_rng(4)
    ours, theirs = draw.normal(size=10), draw.normal(size=20)
    assert judge(endpoint(ours, theirs), Margin(spreads=3.0), 0.05, 5).apart == ()
    ours[6] = -15.0
    judged = judge(endpoint(ours, theirs), Margin(spreads=3.0), 0.05, 5)
    assert judged.apart == (6,)
    assert judged.each[6] < -10


def test_a_retrained_model_seldom_lies_alone():
    draw = np.random.default_rng(5)
    found = [judge(endpoint(v[:10], v[10:]), Margin(spreads=2.0), 0.05, 5).apart for v in draw.normal(size=(1000, 20))]
    assert sum(map(bool, found)) <= stats.binom.ppf(1 - 1e-4, 1000, 0.001)
