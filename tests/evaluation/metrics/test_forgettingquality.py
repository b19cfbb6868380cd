import numpy as np
import pytest

from trials import TrialObservations, score
from untrain.core.errors import SpecError
from untrain.core.spec import parse
from untrain.evaluation.metrics.forgettingquality import ForgettingQuality
from untrain.evaluation.scoring.intervals import compare


def found(planted, models, oracles, boost=0.0, **fields):
    side = planted.sides(25, 4, 4)
    ours, theirs = planted.noisy(models, side, boost, seed=1), planted.noisy(oracles, side, seed=2)
    return score(ForgettingQuality(**fields), TrialObservations(ours, ours, theirs), draws=50)


@pytest.mark.parametrize(("unlearned", "oracle"), [(49, 60), (60, 59)])
def test_too_few_models_give_a_reason_with_their_numbers(planted, unlearned, oracle):
    for s in found(planted, unlearned, oracle).values():
        assert s.value is None
        assert f"{unlearned} unlearned and {oracle} oracle models; at least 50 of each" in s.reason


def test_the_oracle_itself_gets_all_points(planted):
    oracle = planted.noisy(50, planted.sides(9, 3, 3))
    s = score(ForgettingQuality(), TrialObservations(oracle, oracle, oracle), draws=10)
    assert [x.value for x in s.values()] == [1, 1, 0]


def test_models_that_are_told_apart_get_none(planted):
    s = found(planted, 50, 50, boost=60)
    assert s["forgetting_quality"].value == 0
    assert s["forgetting_epsilon"].value == 50


def test_retrained_models_get_a_fifth_of_the_points_and_the_floor_says_so(planted):
    s = found(planted, 50, 100)["forgetting_quality"]
    assert 0.1 < s.value < 0.3
    assert s.floor == pytest.approx(s.value, abs=0.08)


def test_the_bound_gives_retrained_models_nearly_all(planted):
    assert found(planted, 50, 100)["forgetting_quality_bound"].value > 0.9


def test_the_published_discard_is_a_switch(planted):
    ours, drops = (found(planted, 50, 50, boost=1.0, reference=r)["forgetting_epsilon"].value for r in (False, True))
    assert drops <= ours


def test_margins_that_are_no_numbers_give_a_reason(planted):
    oracle = planted.noisy(50, planted.sides(3, 3, 3))
    ready = {name: ForgettingQuality().prepare(oracle) for name in ("original", "unlearned", "oracle")}
    ready["unlearned"] = np.stack([*ready["unlearned"]])
    ready["unlearned"][0, 0] = np.nan
    s = compare(ForgettingQuality(), ready, oracle, draws=5)
    assert "not finite" in s["forgetting_quality"].reason


def test_without_forget_examples_there_is_a_reason(planted):
    seen = planted.noisy(50, planted.sides(0, 3, 3))
    assert "no forget" in score(ForgettingQuality(), TrialObservations(seen, seen, seen), draws=5)["forgetting_quality"].reason


@pytest.mark.parametrize("least", [0, 1, 2])
def test_fewer_models_than_three_are_no_least(least):
    with pytest.raises(SpecError, match="least"):
        parse(f"ForgettingQuality(least={least})")
