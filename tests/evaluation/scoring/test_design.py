"""What so many models can find is what they do find."""

from itertools import combinations
from math import comb

import numpy as np
import pytest

from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.yardstick import alarm
from untrain.evaluation.scoring.design import can_decide, design, detectable, smallest_p
from untrain.maths import permutation


@pytest.mark.parametrize(("ours", "theirs"), [(1, 5), (1, 19), (2, 4), (3, 3), (3, 6), (4, 4), (2, 2)])
def test_no_data_have_a_smaller_p_and_some_have_it(ours, theirs):
    orders = permutation.splits(ours + theirs, ours, 200, 0)
    values = np.r_[np.full(ours, 100.0) + np.arange(ours), np.arange(theirs)]
    size = np.abs(permutation.differences(values, orders, ours)[0])
    assert np.mean(size >= size[0] * (1 - 1e-9)) == pytest.approx(smallest_p(ours, theirs))
    assert len(orders) == comb(ours + theirs, ours) == len(list(combinations(range(ours + theirs), ours)))


def test_three_against_three_cannot_decide_and_more_can():
    assert [can_decide(*sizes, 0.05) for sizes in ((3, 3), (4, 4), (3, 4), (1, 18), (1, 19), (10, 10))] == [
        False, True, True, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs"), [(3, 6), (5, 10)])
def test_a_detectable_shift_is_found_four_times_in_five_at_most(ours, theirs):
    draw, found, times = np.random.default_rng(0), 0, 300
    orders, shift = permutation.splits(ours + theirs, ours, 200, 0), detectable(ours, theirs)
    for _ in range(times):
        values = draw.normal(size=ours + theirs) + np.r_[np.full(ours, shift), np.zeros(theirs)]
        difference, error = permutation.differences(values, orders, ours)
        size = np.abs(difference / error)
        found += np.mean(size >= size[0] * (1 - 1e-9)) <= 0.05
    assert 0.6 <= found / times <= 0.87


def test_what_one_model_of_three_shows_is_seldom_found_and_that_is_said():
    draw, found, times = np.random.default_rng(0), 0, 200
    orders = permutation.splits(9, 3, 200, 0)
    for _ in range(times):
        values = draw.normal(size=9) + np.r_[50.0, np.zeros(8)]
        difference, error = permutation.differences(values, orders, 3)
        size = np.abs(difference / error)
        found += np.mean(size >= size[0] * (1 - 1e-9)) <= 0.05
    assert found / times < 0.3  # against 1 for a shift of all three
    assert "seldom what one of them shows alone" in design(3, 6)


def test_the_design_says_what_would_do_and_of_what_one_model_speaks():
    assert "4 retrained ones would do" in design(3, 3)
    assert "19 retrained ones would do" in design(1, 9)
    assert "not of the method that made it" in design(1, 19)
    assert design(0, 6) == design(1, 1) == ""


def models(rates, seed):
    draw, n = np.random.default_rng(seed), 400
    side = np.array(["retain"] * 380 + ["forget"] * 10 + ["test"] * 10)
    logits = np.zeros((len(rates), n, 2), dtype=np.float32)
    logits[..., 0] = np.where(draw.uniform(size=(len(rates), n)) < np.array(rates)[:, None], 1.0, -1.0)
    labels = np.zeros(n, int)
    return Observation.of_logits(logits, labels, labels, side, np.arange(n))


def test_oracles_that_learned_the_retain_set_less_well_than_the_originals_raise_an_alarm():
    said = alarm(models([0.86, 0.87, 0.85], 0), models([0.75, 0.74, 0.76, 0.75, 0.77, 0.73], 1))
    assert "not a fair yardstick" in said
    assert alarm(models([0.75, 0.74], 0), models([0.86] * 6, 1))


@pytest.mark.parametrize(
    "rates", [([0.86, 0.85, 0.86], [0.86] * 6), ([0.95, 0.7, 0.8], [0.6, 0.9, 0.8, 0.7, 0.95, 0.75]), ([1.0] * 3, [0.995] * 6)]
)
def test_what_seeds_explain_and_what_is_small_raises_none(rates):
    assert alarm(*(models(each, at) for at, each in enumerate(rates))) == ""
