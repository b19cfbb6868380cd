import numpy as np
import pytest

from untrain.core.evaluator import Prepared
from untrain.core.records import Trial
from untrain.evaluate.klom import KLoM
from untrain.evaluate.score import score


def found(planted, unlearned, oracle, boost=0.0, **fields):
    side = planted.sides(20, 6, 8)
    ours, theirs = planted.noisy(unlearned, side, boost, seed=1), planted.noisy(oracle, side, seed=2)
    original = planted.noisy(unlearned, side, boost=8, seed=3)
    return score(KLoM(**fields), Trial(original, ours, theirs), draws=50)


@pytest.mark.parametrize(("unlearned", "oracle"), [(19, 60), (30, 29), (2, 4)])
def test_too_few_models_give_a_reason_and_no_number(planted, unlearned, oracle):
    for s in found(planted, unlearned, oracle).values():
        assert (s.value, s.low, s.high) == (None, None, None)
        assert "20" in s.reason


def test_with_twice_as_many_oracles_there_are_value_interval_and_floor(planted):
    s = found(planted, 20, 40)["klom_forget"]
    assert s.low <= s.value <= s.high
    assert s.floor == pytest.approx(s.value, rel=0.25), "fresh oracles score what oracles score"
    assert s.ceiling > 2 * s.floor
    assert s.note is None


def test_the_floor_never_compares_fewer_models_than_the_value(planted):
    s = found(planted, 40, 60)["klom_forget"]
    assert s.value is not None
    assert s.floor is None
    assert "80 oracles" in s.note


def test_original_models_saturate_and_the_floor_is_far_below(planted):
    assert found(planted, 20, 40, boost=60)["klom_forget"].value > 8


def test_both_directions_and_the_tail_are_given_by_side(planted):
    names = set(found(planted, 20, 40))
    assert names == {f"klom_{s}{k}" for s in ("forget", "retain", "test") for k in ("", "_p95", "_reverse")}
    s = found(planted, 20, 40, boost=1.5)
    assert s["klom_forget"].value != pytest.approx(s["klom_forget_reverse"].value)
    assert s["klom_forget_p95"].value > s["klom_forget"].value
    assert s["klom_forget_p95"].low <= s["klom_forget_p95"].value <= s["klom_forget_p95"].high


def test_collapsed_models_do_not_get_the_perfect_score(planted):
    side = planted.sides(3, 3, 3)
    oracle = planted.noisy(20, side)
    flat = np.zeros((20, 9, 3))
    flat[:, np.arange(9), oracle.labels] = 50
    ours = planted.observed(flat, oracle.labels, side)
    s = score(KLoM(), Trial(ours, ours, oracle), draws=20)
    assert s["klom_test"].value == pytest.approx(11.5129, abs=1e-3)


def test_the_oracle_itself_is_ideal(planted):
    oracle = planted.noisy(20, planted.sides(5, 5, 5))
    for s in score(KLoM(), Trial(oracle, oracle, oracle), draws=20).values():
        assert s.value == s.ideal == 0


def test_one_quantity_an_example_whatever_the_number_of_models(planted):
    seen = planted.noisy(25, planted.sides(50, 6, 8))
    assert KLoM().prepare(seen).shape == (25, 64)
    side = seen.side
    ready = KLoM().prepare(seen)
    made = KLoM().evaluate(Prepared(ready, ready, side, False))
    assert made["klom_forget"].parts[0].values.shape == (1, 50)


def test_the_ideal_of_every_divergence_is_told_alike():
    assert {about.ideal[:2] for about in KLoM.scores.values()} == {"0;"}
