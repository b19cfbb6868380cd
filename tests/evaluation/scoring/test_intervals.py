import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats

from trials import TrialObservations, score
from untrain.evaluation.attacks.svcmia import SVCMIA
from untrain.evaluation.attacks.thresholdmia import ThresholdMIA
from untrain.evaluation.base import Measure, Part, ScoreInfo
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.evaluation.metrics.klom import KLoM
from untrain.evaluation.scoring.intervals import _interval, number

ALL = (Accuracy(), ThresholdMIA(), SVCMIA(), KLoM(least=2))


@pytest.fixture
def trial(planted):
    side = planted.sides(20, 40, 30)
    return TrialObservations(planted.noisy(4, side, 3.0, 1), planted.noisy(4, side, 0.5, 2), planted.noisy(8, side, 0.0, 3))


@pytest.mark.parametrize("evaluator", ALL, ids=repr)
def test_the_oracle_itself_is_ideal(evaluator, trial):
    for name, s in score(evaluator, TrialObservations(trial.original, trial.oracle, trial.oracle), draws=50).items():
        assert s.value == pytest.approx(s.ideal, abs=1e-12)
        if name.endswith("gap"):
            assert s.value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("evaluator", ALL, ids=repr)
def test_every_number_is_within_its_interval_and_none_is_nan(evaluator, trial):
    for name, s in score(evaluator, trial, draws=100).items():
        about = evaluator.scores[name]
        if s.reason:
            assert s.value is s.low is s.high is None
            continue
        assert about.low <= s.low <= s.value <= s.high <= about.high
        assert s.floor is not None
        assert s.ceiling is not None
        json.dumps(asdict(s), allow_nan=False)


@pytest.mark.parametrize("evaluator", ALL, ids=repr)
def test_models_in_another_order_give_the_same_values(evaluator, trial):
    # KLoM takes as many oracles as there are unlearned models, so there are as many here.
    whole = TrialObservations(trial.original, trial.unlearned, trial.oracle.of_models(slice(4)))
    other = TrialObservations(*(seen.of_models([2, 0, 3, 1]) for seen in (whole.original, whole.unlearned, whole.oracle)))
    ours, theirs = ({n: s.value for n, s in score(evaluator, t, draws=20).items()} for t in (whole, other))
    assert theirs == pytest.approx(ours, abs=1e-12)


@pytest.mark.parametrize("evaluator", ALL, ids=repr)
def test_examples_in_another_order_give_the_same_values(evaluator, trial, planted):
    order = np.random.default_rng(0).permutation(90)
    held = TrialObservations(*(planted.turned(seen, order) for seen in (trial.original, trial.unlearned, trial.oracle)))
    ours, theirs = ({n: s.value for n, s in score(evaluator, t, draws=20).items()} for t in (trial, held))
    assert theirs == pytest.approx(ours, abs=1e-12)


@pytest.mark.parametrize("evaluator", ALL, ids=repr)
def test_the_same_trial_scores_the_same_bit_for_bit(evaluator, trial):
    assert score(evaluator, trial, draws=50) == score(evaluator, trial, draws=50)


@pytest.mark.parametrize("evaluator", ALL, ids=repr)
def test_one_model_of_each_kind_can_be_scored(evaluator, planted):
    side = planted.sides(1, 4, 9)
    one, two = planted.noisy(1, side), planted.noisy(2, side, seed=1)
    for s in score(evaluator, TrialObservations(one, one, two), draws=20).values():
        assert (s.value is None) == (s.reason is not None)
        assert s.value is None or s.low <= s.value <= s.high


def test_the_floor_of_a_gap_is_the_size_of_what_disjoint_oracles_differ_by(planted):
    side = planted.sides(4, 1, 1)
    logits = np.zeros((4, 6, 2))
    logits[:2, :, 0], logits[2:, :, 1] = 1, 1  # two oracles are right on all, two on none
    oracle = planted.observed(logits, np.zeros(6, dtype=int), side)
    one = planted.observed(logits[:1], np.zeros(6, dtype=int), side)
    found = score(Accuracy(), TrialObservations(one, one, oracle), draws=20)["forget_gap"]
    # One against one: they differ by 1 in 8 of 12 ordered pairs.
    assert found.floor == pytest.approx(2 / 3, abs=0.2)
    assert found.value == pytest.approx(-0.5)


def test_the_ceiling_is_the_originals_score(trial):
    found = score(Accuracy(), trial, draws=20)
    alone = score(Accuracy(), TrialObservations(trial.original, trial.original, trial.oracle), draws=20)
    assert {n: s.ceiling for n, s in found.items()} == {n: s.value for n, s in alone.items()}


def test_the_band_is_a_prediction_interval_for_further_oracles(planted):
    side, inside, tries = planted.sides(60, 1, 1), 0, 120
    draw = np.random.default_rng(0)

    def models(count):
        skill = np.clip(draw.normal(0.6, 0.1, (count, 1)), 0, 1)
        hit = draw.uniform(size=(count, 62)) < skill
        return planted.observed(np.stack([hit, ~hit], axis=-1), np.zeros(62, dtype=int), side)

    for _ in range(tries):
        ours, oracle = models(3), models(8)
        s = score(Accuracy(), TrialObservations(ours, ours, oracle), draws=2)["forget_accuracy"]
        inside += s.band[0] <= s.value <= s.band[1]
    assert inside / tries == pytest.approx(0.95, abs=0.05)


def test_the_band_is_students(trial):
    s = score(Accuracy(), trial, draws=2)["forget_accuracy"]
    each = (trial.oracle.logits.argmax(-1) == trial.oracle.labels)[:, trial.oracle.side == "forget"].mean(1)
    half = stats.t.ppf(0.975, 7) * each.std(ddof=1) * np.sqrt(1 / 8 + 1 / 4)
    assert s.band == pytest.approx((each.mean() - half, each.mean() + half))


def test_two_oracles_have_no_band(planted):
    side = planted.sides(5, 5, 5)
    found = score(ThresholdMIA(), TrialObservations(*(planted.noisy(m, side, seed=m) for m in (1, 1, 2))), draws=20)["mia_loss_auc"]
    assert found.band is None
    assert found.note is None


def test_an_interval_says_what_it_resampled(trial, planted):
    assert score(Accuracy(), trial, draws=20)["forget_gap"].resampled == "models and examples"
    assert score(KLoM(least=2), trial, draws=20)["klom_forget"].resampled == "examples"
    one = planted.noisy(1, trial.oracle.side)
    assert score(Accuracy(), TrialObservations(one, one, trial.oracle), draws=20)["forget_accuracy"].resampled == "examples"


def test_fresh_oracles_have_gaps_whose_intervals_mostly_hold_zero(planted):
    side, held = planted.sides(40, 5, 40), 0
    for at in range(40):
        ours, oracle = planted.noisy(6, side, seed=1000 + at), planted.noisy(10, side, seed=2000 + at)
        s = score(ThresholdMIA(), TrialObservations(ours, ours, oracle), draws=200)["mia_loss_gap"]
        held += s.low <= 0 <= s.high
    assert held >= 34


@pytest.mark.parametrize(("seeds", "oracles"), [(2, 4), (3, 6), (5, 10)])
def test_intervals_hold_the_truth_nineteen_times_in_twenty_though_models_are_few_and_differ(seeds, oracles):
    """Gaps whose truth is 0: models differ by 0.2, examples by 0.3, and each answer by 0.3 besides."""
    draw, held, times = np.random.default_rng(1), 0, 200
    about = ScoreInfo("", "", "", "", low=-99.0, high=99.0)
    for _ in range(times):
        examples = draw.normal(0, 0.3, 130)
        ours, theirs = (examples + draw.normal(0, 0.2, (m, 1)) + draw.normal(0, 0.3, (m, 130)) for m in (seeds, oracles))
        s = _interval(Measure((Part(1, "oracle", "forget", theirs), Part(-1, "unlearned", "forget", ours))), about, 400, 0)
        held += s.low <= 0 <= s.high
    assert held >= 0.92 * times


def test_one_model_leaves_the_other_population_to_speak():
    table = np.random.default_rng(0).normal(size=(6, 30))
    both = Measure((Part(1, "oracle", "forget", table), Part(-1, "unlearned", "forget", table[:1])))
    assert _interval(both, ScoreInfo("", "", "", "", low=-9.0, high=9.0), 50, 0).resampled == "oracle models and examples"


def test_a_quantile_is_of_model_means_for_value_and_interval_alike():
    table = np.random.default_rng(0).normal(size=(5, 40))
    measure = Measure((Part(1, "unlearned", "forget", table),), quantile=0.95)
    s = _interval(measure, ScoreInfo("", "", "", "", low=-9.0, high=9.0), 400, 0)
    assert s.value == np.sort(table.mean(0))[37]  # the 38th of 40 is the first that 95 % do not exceed
    assert s.low < s.value < s.high
    assert s.resampled == "examples"


def test_a_quantile_of_two_tables_is_refused():
    part = Part(1, "unlearned", "forget", np.zeros((1, 3)))
    with pytest.raises(ValueError, match="unpack"):
        number(Measure((part, part), quantile=0.5))
