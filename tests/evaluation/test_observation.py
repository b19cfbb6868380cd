"""What can be had of outputs, and what cannot."""

import numpy as np
import pytest

from untrain.core.errors import DataError
from untrain.evaluation.attacks.thresholdmia import ThresholdMIA
from untrain.evaluation.glossary import evaluators
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.evaluation.metrics.klom import KLoM
from untrain.evaluation.metrics.perexample import PerExample
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.assessment import assess, lacks, reference_of
from untrain.evaluation.scoring.intervals import compare
from untrain.maths.logits import confidences, losses, margins

SIDE = np.repeat(["forget", "retain", "test"], 20)
LABELS = np.arange(60) % 4
UNKNOWN = np.full(60, np.nan)


def whole(seed, models=6):
    logits = np.random.default_rng(seed).normal(0, 2, (models, 60, 4))
    return Observation.of_logits(logits, LABELS, LABELS, SIDE, np.arange(60))


def bare(seen, labels=UNKNOWN):
    """What is left of it where margins are all that is given."""
    return Observation({"margin": margins(seen.logits, LABELS)}, labels, labels, SIDE, np.arange(60))


def test_losses_and_confidences_follow_from_margins():
    seen = whole(0)
    assert bare(seen).signal("loss") == pytest.approx(losses(seen.logits, LABELS), rel=1e-9)
    assert bare(seen).signal("confidence") == pytest.approx(confidences(seen.logits, LABELS), rel=1e-9)


def test_a_very_sure_model_keeps_a_loss():
    seen = Observation({"margin": np.array([[50.0, 800.0]])}, UNKNOWN[:2], UNKNOWN[:2], SIDE[:2], np.arange(2))
    assert seen.signal("loss").tolist() == [[pytest.approx(np.exp(-50)), 0.0]]


def test_margins_are_enough_for_klom_and_never_for_accuracy():
    seen = bare(whole(0))
    assert lacks(KLoM(), seen) == ""
    assert lacks(PerExample(), seen) == ""
    assert "correct" in lacks(Accuracy(), seen)
    assert "correct" in lacks(Accuracy(), bare(whole(0), LABELS))


def test_an_attack_that_matches_classes_needs_them_besides_margins():
    assert "labels" in lacks(ThresholdMIA(), bare(whole(0)))
    assert lacks(ThresholdMIA(), bare(whole(0), LABELS)) == ""


def test_no_score_of_whole_logits_is_another_number_when_only_margins_are_known():
    ours, theirs = whole(1), whole(2)
    for evaluator in evaluators():
        if lacks(evaluator, bare(theirs, LABELS)):
            continue
        found = []
        for seen in (lambda one: one, lambda one: bare(one, LABELS)):
            ready = {"unlearned": evaluator.prepare(seen(ours)), "oracle": evaluator.prepare(seen(theirs))}
            found.append(compare(evaluator, ready, seen(theirs), 10))
        for name, score in found[1].items():
            if score.value is not None:
                assert score.value == pytest.approx(found[0][name].value, rel=1e-6, abs=1e-9), name


def test_scores_that_need_more_are_null_with_a_reason():
    chosen = [Accuracy(), PerExample()]
    scores, _ = assess(reference_of(chosen, bare(whole(1))), bare(whole(2)), 10)
    everywhere = [name for name, about in Accuracy.scores.items() if not about.side]
    assert {scores[name].value for name in everywhere} == {None}
    assert all("correct" in scores[name].reason for name in everywhere)
    assert all(scores[name].value is not None for name in PerExample.scores)


def test_what_cannot_be_had_is_refused_by_name():
    with pytest.raises(DataError, match="logits are needed"):
        _ = bare(whole(0)).logits
    with pytest.raises(DataError, match="gives no correct"):
        bare(whole(0)).signal("correct")


def test_rows_and_models_can_be_taken():
    seen = whole(0)
    part = seen.of_models([1, 3]).at(np.array([5, 2]))
    assert np.array_equal(part.logits, seen.logits[[1, 3]][:, [5, 2]])
    assert part.labels.tolist() == LABELS[[5, 2]].tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_no_numbers_are_refused_at_the_door_of_every_evaluator(value):
    logits = np.zeros((2, 3, 2), dtype=np.float32)
    logits[1, 2, 0] = value
    with pytest.raises(DataError, match="1 of 6 logits of models on examples are NaN or infinite"):
        Observation.of_logits(logits, np.zeros(3, int), np.zeros(3, int), np.array(["forget", "retain", "test"]), np.arange(3))
