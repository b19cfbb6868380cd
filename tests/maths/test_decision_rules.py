import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrain.maths.decision_rules import rule_epsilons

ALL = ("least", "reference", "bound")


def slowly(ours, theirs, delta=1e-5, zeros="reference"):
    """One example, rule by rule, as the published code does it."""
    spreads = np.ptp(ours), np.ptp(theirs)
    if min(spreads) < 0.01 * max(spreads):
        return 50.0
    found = [0.0]

    def rules(miss, false):
        for fnr, fpr in zip(miss.mean(1), false.mean(1), strict=True):
            if fnr == 0 and fpr == 0:
                found.append(50.0)
            elif (fnr > 0 and fpr > 0) or zeros == "least":
                held = max(fpr, 1 / len(ours)), max(fnr, 1 / len(ours))
                found.extend(math.log((1 - delta - a) / b) for a, b in (held, held[::-1]) if 1 - delta > a)

    pos, neg = (theirs, ours) if np.median(theirs) > np.median(ours) else (ours, theirs)
    both = np.concatenate([pos, neg])
    # The last of a grid is the greatest value but for rounding.
    grid = np.linspace(both.min(), both.max(), int(np.ceil(np.ptp(both) * 100)))[:, None] - 1e-9
    rules(pos < grid, neg >= grid)
    pos, neg = (theirs, ours) if spreads[0] >= spreads[1] else (ours, theirs)
    step = 4 / 399
    for right in pos.max() - 2 + step * np.arange(400):
        left = right - np.ptp(pos) - 2 + step * np.arange(400)[:, None]
        inside = [(left <= s) & (s <= right) for s in (pos, neg)]
        rules(~inside[0], inside[1])
    return min(max(found), 50.0)


@pytest.mark.parametrize("zeros", ["reference", "least"])
@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (1.0, 0.5), (-2.0, 3.0)])
def test_it_agrees_with_a_loop_over_rules(zeros, shift, spread):
    draw = np.random.default_rng(0)
    ours, theirs = shift + spread * draw.normal(size=(9, 1)), draw.normal(size=(9, 1))
    expected = slowly(ours[:, 0], theirs[:, 0], zeros=zeros)
    assert rule_epsilons(ours, theirs, zeros=(zeros,))[0, 0] == pytest.approx(expected, abs=1e-6)


@settings(max_examples=20)
@given(st.permutations(range(10)), st.permutations(range(5)), st.integers(1, 6))
def test_neither_order_nor_block_matters(models, examples, block):
    ours, theirs = np.random.default_rng(1).normal(size=(2, 10, 5))
    whole = rule_epsilons(ours, theirs, zeros=ALL)
    assert (rule_epsilons(ours[models], theirs, zeros=ALL, block=block) == whole).all()
    assert (rule_epsilons(ours[:, examples], theirs[:, examples], zeros=ALL) == whole[:, examples]).all()


def test_samples_that_are_one_show_nothing():
    p = np.random.default_rng(0).normal(size=(30, 6))
    assert (rule_epsilons(p, p, zeros=ALL) == 0).all()


def test_equal_constants_show_nothing_and_others_all():
    a = np.full((20, 2), 1.0)
    assert rule_epsilons(a, a + np.array([0.0, 3.0])).tolist() == [[0, 50]]


def test_separate_samples_show_all():
    p = np.random.default_rng(0).normal(size=(2, 30, 4))
    assert (rule_epsilons(p[0] + 20, p[1]) == 50).all()


def test_one_value_beside_a_spread_is_fifty_at_once():
    spread = np.linspace(-1, 1, 21)[:, None]
    peaked = spread * 0.009
    assert rule_epsilons(peaked, spread) == 50
    assert rule_epsilons(spread * 0.2, spread) < 50


def test_an_interval_finds_what_no_threshold_does():
    draw = np.random.default_rng(0)
    narrow, wide = 0.3 * draw.normal(size=(200, 1)), 2 * draw.normal(size=(200, 1))
    # No threshold separates laws of one mean by more than this; the interval between -0.6 and 0.6 does.
    assert rule_epsilons(narrow, wide) > np.log(4)


def test_where_one_rate_is_nothing_the_published_code_drops_the_rule_and_ours_counts_one_model():
    # Every rule that errs both ways errs half the time each way; those that find half and never err are left.
    ours, theirs = (np.repeat(pair, 5)[:, None] for pair in ((0.25, 10.0), (0.0, 0.5)))
    dropped, counted = rule_epsilons(ours, theirs, zeros=("reference", "least"))[:, 0]
    assert dropped == 0
    assert counted == pytest.approx(np.log((1 - 1e-5 - 0.5) / 0.1), abs=1e-6)


def test_the_bound_is_below_what_the_rates_say():
    ours, theirs = np.random.default_rng(2).normal(size=(2, 60, 30))
    ours = ours + 1
    said, bound = rule_epsilons(ours, theirs, zeros=("least", "bound"))
    assert (bound < said).all()
