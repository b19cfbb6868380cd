from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest

from untrain.evaluation.attacks.thresholdmia import ThresholdMIA
from untrain.evaluation.base import Evaluator, Measure, Part, ScoreInfo
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.evaluation.metrics.disagreement import Disagreement
from untrain.evaluation.metrics.perexample import PerExample
from untrain.evaluation.scoring.hypothesis_tests import Case, mark_blind, verdicts

SIDE = np.repeat(["forget", "retain", "test"], [40, 20, 40])


class Level(Evaluator):
    """The first logit's mean: each model's value can be planted."""

    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "level": ScoreInfo(
            "mean", "1", "the oracles' value", "none", low=-99.0, high=99.0, margin=0.5, above="too high", below="too low"
        ),
        "spare": ScoreInfo("mean", "1", "the oracles' value", "none", low=-99.0, high=99.0),
    }  # fmt: skip

    def prepare(self, seen):
        """First logits."""
        return np.asarray(seen.logits[:, :, 0], dtype=float)

    def evaluate(self, trial):
        """Their mean."""
        return dict.fromkeys(self.scores, Measure((Part(1, "unlearned", "forget", trial.unlearned[:, trial.side == "forget"]),)))


def planted_levels(planted, values):
    """Models whose first logit is a given number."""
    logits = np.zeros((len(values), len(SIDE), 2))
    logits[:, :, 0] = np.asarray(values)[:, None]
    return planted.observed(logits, np.zeros(len(SIDE), dtype=int), SIDE)


def judged(planted, ours, theirs, **kept):
    """Verdict on planted levels."""
    seen = [planted_levels(planted, v) for v in (ours, theirs)]
    e = Level()
    return verdicts([Case(e, {"unlearned": e.prepare(seen[0]), "oracle": e.prepare(seen[1])})], seen[1], **kept)["level"]


def oracles(count, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, count)


def test_models_like_the_oracles_are_indistinguishable_when_the_interval_is_within_the_margin(planted):
    v = judged(planted, oracles(6, 1), oracles(12, 2))
    assert v.says == "indistinguishable"
    assert -v.margin <= v.low <= v.difference <= v.high <= v.margin


@pytest.mark.parametrize(("shift", "why"), [(2.0, "too high"), (-2.0, "too low")])
def test_models_unlike_the_oracles_are_distinguishable_and_the_direction_is_told(planted, shift, why):
    v = judged(planted, oracles(6, 1) + shift, oracles(12, 2))
    assert (v.says, v.why) == ("distinguishable", why)
    assert v.low * shift > 0
    assert v.high * shift > 0
    assert v.p == pytest.approx(1 / 200)


def test_an_interval_that_holds_zero_and_passes_the_margin_needs_more_models(planted):
    v = judged(planted, 20 * oracles(3, 1), 20 * oracles(6, 2))
    assert v.says == "too few models"
    assert v.low < 0 < v.high
    assert v.high > v.margin or v.low < -v.margin
    assert "models" in v.why


def test_an_interval_never_contradicts_its_verdict(planted):
    said = set()
    for at in range(60):
        draw = np.random.default_rng(at)
        spread, shift = draw.choice([0.02, 0.3, 2.0]), draw.choice([0.0, 0.5, 3.0])
        v = judged(planted, draw.normal(shift, draw.choice([1.0, 5.0]) * spread, 4), draw.normal(0, spread, 8), splits=60)
        within = -v.margin <= v.low <= v.high <= v.margin
        assert within == (v.says == "indistinguishable"), v
        assert within or (v.says == "too few models") == (v.p > v.level), v
        assert within or (v.low <= 0 <= v.high if v.p > v.level else v.low * v.high >= 0 and v.low < v.high), v
        said.add(v.says)
    assert len(said) == 3


def test_a_small_true_difference_within_the_margin_is_no_alarm(planted):
    v = judged(planted, oracles(30, 1) / 10 + 0.1, oracles(60, 2) / 10)
    assert v.says == "indistinguishable"
    assert v.low > 0


def test_one_model_needs_nineteen_oracles_for_five_percent(planted):
    few, enough = (judged(planted, [9.0], oracles(count)) for count in (18, 19))
    assert (few.says, few.low, few.high) == ("too few models", None, None)
    assert "19 retrained" in few.why
    assert enough.says == "distinguishable"
    assert enough.p == pytest.approx(1 / 20)


def test_a_stricter_level_asks_for_more(planted):
    wide, narrow = (judged(planted, oracles(5, 1), oracles(10, 2), level=level) for level in (0.01, 0.2))
    assert wide.high - wide.low > narrow.high - narrow.low
    assert wide.level == 0.01


def test_scores_without_a_margin_are_not_tested(planted):
    seen = planted_levels(planted, oracles(4))
    e = Level()
    ready = e.prepare(seen)
    assert set(verdicts([Case(e, {"unlearned": ready, "oracle": ready})], seen)) == {"level"}


def test_models_that_answer_alike_to_the_last_digit_are_no_evidence(planted):
    v = judged(planted, [1.0] * 4, [1.0] * 8)
    assert v.says == "indistinguishable"
    assert v.difference == 0
    v = judged(planted, [1.0 + 1e-7] * 4, [1.0] * 8)
    assert v.says == "indistinguishable"


def test_a_verdict_is_blind_where_the_original_is_not_told_either(planted):
    far, near = (judged(planted, oracles(6, 1) + shift, oracles(12, 2)) for shift in (2.0, 0.0))
    assert mark_blind({"level": near}, {"level": near})["level"].blind
    assert not mark_blind({"level": near}, {"level": far})["level"].blind
    assert not mark_blind({"level": near}, {})["level"].blind


@pytest.mark.parametrize(("ours", "theirs"), [(1, 19), (3, 6), (10, 10)])
@pytest.mark.parametrize("spread", [0.05, 0.2])
def test_models_at_the_margins_edge_are_seldom_called_equal_and_intervals_hold_the_difference(planted, ours, theirs, spread):
    held = equal = 0
    times = 200
    for at in range(times):
        draw = np.random.default_rng((ours, at))
        v = judged(planted, draw.normal(0.5, spread, ours), draw.normal(0, spread, theirs), splits=40)
        held += v.low <= 0.5 <= v.high
        equal += v.says == "indistinguishable"
    assert held / times >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / times)
    assert equal / times <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / times)


@pytest.mark.parametrize(("ours", "theirs", "noise"), [(3, 6, 1.5), (5, 10, 1.5), (10, 20, 1.3), (10, 10, 2.0)])
def test_models_that_disagree_more_than_the_margin_are_not_called_equal(planted, ours, theirs, noise):
    """Unlearned models answer with more noise, so that they disagree more with oracles than oracles do."""
    equal, apart, times = 0, 0, 12
    for at in range(times):
        draw = np.random.default_rng((at, ours))
        labels = np.arange(len(SIDE)) % 3
        easy = np.zeros((1, len(SIDE), 3))
        easy[:, np.arange(len(SIDE)), labels] = 2.0
        seen = [
            planted.observed(easy + draw.normal(0, s, (m, len(SIDE), 3)), labels, SIDE) for m, s in ((ours, noise), (theirs, 1.0))
        ]
        e = Disagreement()
        ready = {n: e.prepare(o) for n, o in zip(("unlearned", "oracle"), seen, strict=True)}
        v = verdicts([Case(e, ready)], seen[1])["disagreement_forget"]
        equal += v.says == "indistinguishable"
        apart += v.says == "distinguishable"
    assert equal == 0
    assert apart > 0


def test_without_twice_as_many_oracles_a_score_of_two_populations_has_no_interval_and_is_never_called_equal(planted):
    side = planted.sides(30, 5, 5)
    seen = planted.noisy(4, side, seed=1), planted.noisy(7, side, seed=2)
    e = PerExample()
    found = verdicts([Case(e, {n: e.prepare(o) for n, o in zip(("unlearned", "oracle"), seen, strict=True)})], seen[1])
    assert {v.says for v in found.values()} <= {"too few models", "distinguishable"}
    assert all(v.low is None for v in found.values())
    assert any("twice as many" in v.why for v in found.values())


def null_models(planted, draw, easy, count):
    """Models of one law: examples differ, and so do models."""
    labels = np.arange(len(SIDE)) % 3
    logits = draw.normal(size=(count, len(SIDE), 3))
    logits[:, np.arange(len(SIDE)), labels] += easy + draw.normal(0, 0.5, (count, 1))
    return planted.observed(logits, labels, SIDE)


@pytest.mark.parametrize(
    ("ours", "theirs", "evaluators", "times"),
    [
        (3, 6, (Accuracy(), ThresholdMIA()), 300),
        (5, 10, (Accuracy(), ThresholdMIA()), 300),
        (1, 19, (Accuracy(), PerExample()), 200),
    ],
    ids=["3 and 6", "5 and 10", "1 and 19"],
)
@pytest.mark.slow
def test_oracles_against_oracles_raise_alarm_as_often_as_was_stated(planted, ours, theirs, evaluators, times):
    """The share over all scores together; 2,000 simulations of each score are in papers/audit.md."""
    alarms = 0
    for at in range(times):
        draw = np.random.default_rng((ours, at))
        easy = draw.normal(1.5, 1, len(SIDE))
        seen = {name: null_models(planted, draw, easy, m) for name, m in (("unlearned", ours), ("oracle", theirs))}
        cases = [Case(e, {name: e.prepare(s) for name, s in seen.items()}) for e in evaluators]
        found = verdicts(cases, seen["oracle"], splits=100, seed=at)
        alarms += any(v.p <= v.level for v in found.values())
    assert alarms / times <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / times)
    assert alarms > 0
