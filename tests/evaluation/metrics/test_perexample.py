import numpy as np
import pytest

from trials import TrialObservations, score
from untrain.evaluation.metrics.perexample import PerExample


def test_the_largest_excess_is_that_of_the_example_that_was_planted(planted):
    side = planted.sides(30, 5, 5)
    oracle, ours = planted.noisy(8, side, seed=1), planted.noisy(2, side, seed=2)
    before = score(PerExample(), TrialObservations(oracle, ours, oracle), draws=20)
    ours = planted.noisy(2, side, seed=2)  # anew: signals of an observation are derived once
    ours.logits[:, 7, ours.labels[7]] += 30
    after = score(PerExample(), TrialObservations(oracle, ours, oracle), draws=20)
    assert after["example_max"].value > before["example_max"].value + 5
    assert after["example_min"].value == pytest.approx(before["example_min"].value)


def test_fishers_mean_is_the_mean_of_minus_the_logarithm_of_ranks(planted):
    side = planted.sides(2, 1, 1)
    oracle = planted.observed(np.array([[[0.0, 0], [0, 0], [0, 0], [0, 0]], [[1, 0]] * 4, [[2, 0]] * 4]), [0] * 4, side)
    ours = planted.observed([[[1.5, 0], [9, 0], [0, 0], [0, 0]]], [0] * 4, side)
    found = score(PerExample(), TrialObservations(oracle, ours, oracle), draws=20)["example_fisher"]
    assert found.value == pytest.approx(-(np.log(2 / 4) + np.log(1 / 4)) / 2)


def test_two_oracles_give_no_number(planted):
    side = planted.sides(4, 4, 4)
    seen = planted.noisy(2, side)
    assert all(
        s.value is None and "3 oracles" in s.reason
        for s in score(PerExample(), TrialObservations(seen, seen, seen), draws=20).values()
    )
