"""Where unlearned models are further oracles, and forget examples further test examples, no attack finds anything."""

import numpy as np
import pytest

from untrain.evaluation.attacks.lira import LiRA
from untrain.evaluation.attacks.logisticmia import LogisticMIA
from untrain.evaluation.attacks.rmia import RMIA
from untrain.evaluation.attacks.thresholdmia import ThresholdMIA
from untrain.evaluation.attacks.ulira import ULiRA
from untrain.evaluation.base import Prepared, ScoreInfo
from untrain.evaluation.scoring.resampling import drawn, number
from untrain.maths import bootstrap

SIGNALS = ("loss", "confidence", "entropy", "mentropy")
NULL = {
    LiRA(): ("mia_lira_auc", "mia_lira_accuracy", "mia_lira_offline_auc", "mia_lira_offline_accuracy"),
    ULiRA(): ("mia_ulira_accuracy", "mia_ulira_auc"),
    ULiRA(variance="example", parts=3): ("mia_ulira_accuracy", "mia_ulira_auc"),
    RMIA(): ("mia_rmia_auc", "mia_rmia_accuracy"),
    ThresholdMIA(): tuple(f"mia_{s}_{kind}" for s in SIGNALS for kind in ("auc", "accuracy")),
    LogisticMIA(): ("mia_logistic_accuracy",),
}
TIMES, FORGET, OURS, THEIRS = 200, 50, 5, 10


def population(planted, seed, count, easy, side, lift=0.0):
    draw = np.random.default_rng(seed)
    labels = np.arange(len(side)) % 3
    logits = draw.normal(size=(count, len(side), 3))
    logits[:, np.arange(len(side)), labels] += easy + draw.normal(0, 0.3, (count, 1)) + lift * (side == "forget")
    return planted.observed(logits, labels, side)


def nulls(planted, made, at):
    """What an attack measures in one trial in which there is nothing to find."""
    side = planted.sides(FORGET, 60, 60)
    easy = np.random.default_rng((9, at)).normal(1.5, 1.5, len(side))
    seen = [population(planted, (k, at), m, easy, side, lift) for k, (m, lift) in enumerate(((OURS, 0), (THEIRS, 0), (OURS, 2)))]
    if isinstance(made, ThresholdMIA | LogisticMIA):
        seen = seen[:1] * 3  # they measure each model by itself
    ours, theirs, original = map(made.prepare, seen)
    return made.evaluate(Prepared(ours, theirs, side, False, original))


@pytest.mark.parametrize("made", NULL, ids=repr)
@pytest.mark.slow
def test_an_attack_is_at_its_null_within_its_interval_and_on_average(planted, made):
    values, held = {name: [] for name in NULL[made]}, dict.fromkeys(NULL[made], 0)
    about = ScoreInfo("", "", "", "")
    for at in range(TIMES):
        found = nulls(planted, made, at)
        for name in NULL[made]:
            value = number(found[name])
            low, high = bootstrap.basic(value, drawn(found[name], 100, at), about.low, about.high)
            values[name].append(value)
            held[name] += low <= 0.5 <= high
    for name, each in values.items():
        assert np.mean(each) == pytest.approx(0.5, abs=3 * np.std(each) / np.sqrt(TIMES)), name
        assert held[name] >= 0.9 * TIMES, name


@pytest.mark.parametrize("made", NULL, ids=repr)
@pytest.mark.parametrize("value", [0.0, 0.1, -3.0])
def test_constant_answers_are_at_the_null_and_never_nan(planted, made, value):
    side = planted.sides(30, 30, 30)
    seen = [planted.observed(np.full((m, 90, 3), value), np.arange(90) % 3, side) for m in (OURS, THEIRS, OURS)]
    ours, theirs, original = map(made.prepare, seen)
    found = made.evaluate(Prepared(ours, theirs, side, False, original))
    for name in NULL[made]:
        assert number(found[name]) == pytest.approx(0.5), name
    assert all(isinstance(m, str) or np.isfinite(number(m)) for m in found.values())
