import numpy as np
import pytest

from trials import TrialObservations, score
from untrain.evaluation.base import Prepared
from untrain.evaluation.metrics.klom import KLoM
from untrain.evaluation.scoring.intervals import compare
from untrain.evaluation.scoring.resampling import number


def found(planted, unlearned, oracle, boost=0.0, **fields):
    side = planted.sides(20, 6, 8)
    ours, theirs = planted.noisy(unlearned, side, boost, seed=1), planted.noisy(oracle, side, seed=2)
    original = planted.noisy(unlearned, side, boost=8, seed=3)
    return score(KLoM(**fields), TrialObservations(original, ours, theirs), draws=50)


def collapsed(planted, models=50):
    """Models that are all as sure of everything, and oracles that are not."""
    side = planted.sides(3, 3, 3)
    oracle = planted.noisy(models, side)
    flat = np.zeros((models, 9, 3))
    flat[:, np.arange(9), oracle.labels] = 50
    return planted.observed(flat, oracle.labels, side), oracle


@pytest.mark.parametrize(("unlearned", "oracle"), [(49, 60), (60, 59), (2, 4)])
def test_too_few_models_give_a_reason_with_their_numbers_and_no_number(planted, unlearned, oracle):
    for s in found(planted, unlearned, oracle).values():
        assert (s.value, s.low, s.high) == (None, None, None)
        assert f"{unlearned} unlearned and {oracle} oracle models; at least 50 of each" in s.reason


def test_with_twice_as_many_oracles_there_are_value_interval_and_floor(planted):
    s = found(planted, 50, 100)["klom_forget"]
    assert s.low <= s.value <= s.high
    assert s.floor == pytest.approx(s.value, rel=0.25), "fresh oracles score what oracles score"
    assert s.ceiling > 2 * s.floor
    assert s.note is None


def test_the_floor_never_compares_fewer_models_than_the_value(planted):
    s = found(planted, 50, 60)["klom_forget"]
    assert s.value is not None
    assert s.floor is None
    assert "100 oracles" in s.note


def test_neither_does_the_ceiling(planted):
    side = planted.sides(10, 4, 4)
    ours, oracle = planted.noisy(60, side, seed=1), planted.noisy(60, side, seed=2)
    ceilings = [
        score(KLoM(), TrialObservations(planted.noisy(originals, side, 8, seed=3), ours, oracle), draws=5)["klom_forget"].ceiling
        for originals in (50, 60)
    ]
    assert ceilings[0] is None
    assert ceilings[1] > 5


def test_of_more_oracles_as_many_are_taken_as_there_are_unlearned_models(planted):
    ours, theirs = (planted.noisy(m, planted.sides(5, 5, 5), seed=m) for m in (50, 80))
    made, side = KLoM(), ours.side
    all_, some = (made.evaluate(Prepared(made.prepare(ours), made.prepare(theirs)[:n], side, False)) for n in (80, 50))
    assert {n: number(m) for n, m in all_.items()} == {n: number(m) for n, m in some.items()}


def test_original_models_saturate_and_the_floor_is_far_below(planted):
    assert found(planted, 50, 50, boost=60)["klom_forget"].value > 8


def test_mean_and_tail_are_given_in_both_directions_by_side(planted):
    names = {f"klom_{s}{way}{kind}" for s in ("forget", "retain", "test") for way in ("", "_reverse") for kind in ("", "_p95")}
    s = found(planted, 50, 50, boost=1.5)
    assert set(s) == names
    assert s["klom_forget"].value != pytest.approx(s["klom_forget_reverse"].value)
    for name in ("klom_forget", "klom_forget_reverse"):
        assert s[f"{name}_p95"].value > s[name].value
        assert s[f"{name}_p95"].low <= s[f"{name}_p95"].value <= s[f"{name}_p95"].high


def test_swapped_populations_swap_the_directions(planted):
    ours, theirs = (planted.noisy(50, planted.sides(5, 5, 5), boost, seed=1) for boost in (0.0, 1.0))
    there, back = (score(KLoM(), TrialObservations(x, a, b), draws=5) for x, a, b in ((ours, ours, theirs), (ours, theirs, ours)))
    assert there["klom_forget"].value == back["klom_forget_reverse"].value
    assert there["klom_forget_reverse_p95"].value == back["klom_forget_p95"].value


def test_collapsed_models_do_not_get_the_perfect_score(planted):
    ours, oracle = collapsed(planted)
    s = score(KLoM(), TrialObservations(ours, ours, oracle), draws=20)
    assert s["klom_test"].value == pytest.approx(11.5129, abs=1e-3)


@pytest.mark.parametrize("binning", ["paper", "bench"])
def test_what_published_code_has_no_number_for_is_null_with_a_reason(planted, binning):
    ours, oracle = collapsed(planted)
    s = score(KLoM(binning=binning), TrialObservations(oracle, ours, oracle), draws=20)
    assert (s["klom_test"].value, s["klom_test_p95"].low) == (None, None)
    assert "of 3 test examples 3 have no histogram" in s["klom_test"].reason


def test_published_code_can_give_collapsed_models_the_perfect_score(planted):
    ours, oracle = collapsed(planted)
    assert score(KLoM(binning="easydub"), TrialObservations(oracle, ours, oracle), draws=20)["klom_test"].value == 0


def test_answers_that_are_no_numbers_give_a_reason(planted):
    oracle = planted.noisy(50, planted.sides(3, 3, 3))
    ready = {name: KLoM().prepare(oracle) for name in ("original", "unlearned", "oracle")}
    ready["unlearned"] = np.stack([*ready["unlearned"]])
    ready["unlearned"][7, 1] = np.nan
    s = compare(KLoM(), ready, oracle, draws=5)
    assert s["klom_forget"].value is None
    assert "1 have no histogram" in s["klom_forget"].reason
    assert s["klom_test"].value is not None


def test_the_number_of_bins_is_a_field(planted):
    few, many = (found(planted, 50, 50, bins=b)["klom_test"].value for b in (4, 40))
    assert few < many


def test_the_oracle_itself_is_ideal(planted):
    oracle = planted.noisy(50, planted.sides(5, 5, 5))
    for s in score(KLoM(), TrialObservations(oracle, oracle, oracle), draws=20).values():
        assert s.value == s.ideal == 0


def test_one_quantity_an_example_whatever_the_number_of_models(planted):
    seen = planted.noisy(50, planted.sides(60, 6, 8))
    ready = KLoM().prepare(seen)
    assert ready.shape == (50, 74)
    made = KLoM().evaluate(Prepared(ready, ready, seen.side, False))
    assert made["klom_forget"].parts[0].values.shape == (1, 60)


def test_the_ideal_of_every_divergence_is_told_alike():
    assert {about.ideal[:2] for about in KLoM.scores.values()} == {"0;"}
