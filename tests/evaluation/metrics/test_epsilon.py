import numpy as np
import pytest

from trials import TrialObservations, score
from untrain.evaluation.metrics.epsilon import Epsilon
from untrain.evaluation.scoring.intervals import compare
from untrain.maths.bounds import clopper_pearson, epsilon_shown


def answering(planted, odds, sizes, models=1, seed=0):
    """Models that are sure of a forget example with these odds, and unsure of a test example with the same: randomized response."""
    side = planted.sides(*sizes)
    draw = np.random.default_rng(seed)
    sure = draw.random((models, len(side))) < np.where(side == "forget", odds / (1 + odds), 1 / (1 + odds))
    margins = np.where(sure, 4.0, 0.0) + 0.01 * draw.normal(size=sure.shape)
    return planted.observed(np.stack([margins, np.zeros_like(margins)], axis=-1), np.zeros(len(side), int), side)


def membership(planted, seen, **fields):
    return score(Epsilon(**fields), TrialObservations(seen, seen, seen), draws=50)["epsilon_membership"]


def test_the_epsilon_of_randomized_response_is_approached_from_below(planted):
    true = 1.5
    few, many = (membership(planted, answering(planted, np.exp(true), (n, 2, n)), delta=0.0).value for n in (400, 40_000))
    assert few < many < true
    assert many > true - 0.1


def test_the_bound_holds_as_often_as_it_says(planted):
    true, held = 1.0, 0
    made = Epsilon(delta=0.0)
    for seed in range(300):
        seen = answering(planted, np.exp(true), (150, 2, 150), seed=seed)
        ready = made.prepare(seen)[0, :, 0]
        hits, false = (ready[(seen.side == s) & ~np.isnan(ready)] for s in ("forget", "test"))
        upper = clopper_pearson(false.sum(), len(false))[1], clopper_pearson((1 - hits).sum(), len(hits))[1]
        bound = max(np.log((1 - upper[0]) / upper[1]), np.log((1 - upper[1]) / upper[0]), 0)
        held += bound <= true
    assert held / 300 >= 0.95


def test_of_several_models_it_is_the_bound_of_mean_rates_as_its_words_say(planted):
    seen = answering(planted, np.exp(2.0), (150, 2, 150), models=3)
    ready = Epsilon().prepare(seen)[:, :, 0]
    hits, false = ((t := ready[:, seen.side == s])[:, ~np.isnan(t).any(0)] for s in ("forget", "test"))
    shown = epsilon_shown(false.mean(), 1 - hits.mean(), (false.shape[1], hits.shape[1]), 1e-5, 0.95)
    assert membership(planted, seen).value == pytest.approx(float(shown))
    assert "from the rates' means over models" in Epsilon.scores["epsilon_membership"].means


def test_the_weakness_of_the_interval_over_models_is_told():
    assert "at the threshold that the real ones chose" in Epsilon.scores["epsilon_retraining"].weak


def test_members_that_stand_out_by_too_large_losses_are_found_too(planted):
    seen = answering(planted, np.exp(-3.0), (400, 2, 400))
    assert membership(planted, seen).value > 1


def test_the_same_examples_in_another_order_choose_the_same_threshold(planted):
    seen = answering(planted, np.exp(2.0), (60, 5, 70))
    order = np.random.default_rng(1).permutation(135)
    assert np.array_equal(Epsilon().prepare(seen)[:, order], Epsilon().prepare(planted.turned(seen, order)), equal_nan=True)


def test_half_of_each_side_chooses_and_half_counts(planted):
    ready = Epsilon().prepare(planted.noisy(2, planted.sides(40, 5, 61)))[0, :, 0]
    assert [int((~np.isnan(ready[at])).sum()) for at in (slice(40), slice(40, 45), slice(45, 106))] == [20, 0, 31]


def test_too_few_examples_to_show_anything_give_a_reason(planted):
    found = membership(planted, planted.noisy(3, planted.sides(6, 3, 8)))
    assert found.value is None
    assert "3 forget and 4 test examples are too few" in found.reason


def against(planted, boost, models=60):
    side = planted.sides(30, 3, 30)
    ours, theirs = planted.noisy(models, side, boost, seed=1), planted.noisy(models, side, seed=2)
    return score(Epsilon(), TrialObservations(ours, ours, theirs), draws=50)["epsilon_retraining"]


def test_models_that_can_all_be_told_from_retrained_ones_show_what_their_number_allows(planted):
    s = against(planted, boost=6.0)
    # No error in 60 models each way, the level shared among 60 thresholds, two signs, and both rates.
    upper = 1 - (0.05 / 60 / 4) ** (1 / 60)
    assert s.value == pytest.approx(np.log((1 - 1e-5 - upper) / upper), abs=1e-6)
    assert s.low <= s.value <= s.high


def test_retrained_models_are_not_told_from_retrained_ones(planted):
    assert against(planted, boost=0.0).value == 0


def test_few_models_cannot_show_anything_and_say_so(planted):
    s = against(planted, boost=6.0, models=5)
    assert s.value is None
    assert "5 unlearned and 5 retrained models are too few" in s.reason


def test_without_forget_examples_there_is_a_reason(planted):
    seen = planted.noisy(3, planted.sides(0, 3, 3))
    assert all("no forget" in s.reason for s in score(Epsilon(), TrialObservations(seen, seen, seen), draws=5).values())


def test_answers_that_are_no_numbers_give_a_reason(planted):
    oracle = planted.noisy(20, planted.sides(9, 3, 9))
    ready = {name: Epsilon().prepare(oracle) for name in ("original", "unlearned", "oracle")}
    ready["unlearned"] = np.stack([*ready["unlearned"]])
    ready["unlearned"][2, 4] = np.nan
    assert all("not finite" in s.reason for s in compare(Epsilon(), ready, oracle, draws=5).values())
