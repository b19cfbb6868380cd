import numpy as np
import pytest

from trials import TrialObservations, score
from untrain.evaluation.metrics.tugofwar import TugOfWar


def right(planted, shares, count=100):
    hit = np.concatenate([np.arange(count) < round(count * r) for r in shares])
    return planted.observed(np.eye(2)[1 - hit.astype(int)][None], np.zeros(3 * count, int), planted.sides(count, count, count))


def tug(planted, ours, oracle):
    held = [right(planted, shares) for shares in (ours, ours, oracle)]
    return score(TugOfWar(), TrialObservations(*held), draws=20)["tug_of_war"]


def test_it_is_the_product_of_what_is_kept_on_each_side(planted):
    assert tug(planted, (1.0, 0.9, 0.7), (0.8, 1.0, 0.8)).value == pytest.approx(0.8 * 0.9 * 0.9)


def test_more_and_less_than_retraining_count_alike(planted):
    assert tug(planted, (0.9, 1, 1), (0.8, 1, 1)).value == pytest.approx(tug(planted, (0.7, 1, 1), (0.8, 1, 1)).value)


def test_the_oracle_itself_is_ideal(planted):
    s = tug(planted, (0.8, 1.0, 0.7), (0.8, 1.0, 0.7))
    assert s.value == s.ideal == 1


def test_the_interval_keeps_within_nothing_and_one(planted):
    side = planted.sides(30, 30, 30)
    ours, oracle = planted.noisy(4, side, boost=2, seed=1), planted.noisy(8, side, seed=2)
    s = score(TugOfWar(), TrialObservations(ours, ours, oracle), draws=200)["tug_of_war"]
    assert 0 <= s.low <= s.value <= s.high <= 1
    assert s.floor > s.value


def test_without_a_side_there_is_a_reason(planted):
    seen = planted.noisy(2, planted.sides(3, 0, 3))
    assert "no retain" in score(TugOfWar(), TrialObservations(seen, seen, seen), draws=5)["tug_of_war"].reason
