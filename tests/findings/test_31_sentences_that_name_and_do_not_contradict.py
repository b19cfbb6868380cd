"""Two methods of one name are told apart in a sentence, and a model that does both is said to do both, of what models show."""

import numpy as np
import pytest

from untrain.evaluation.attacks.thresholdmia import ThresholdMIA
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.evaluation.metrics.perexample import PerExample
from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.outcome_wording import sentence
from untrain.evaluation.scoring.assessment import assess, reference_of
from untrain.reports.formatting import distinct


def models(seed, count, change):
    """Models of 60 forget, 60 retain and 60 test examples; ``change`` is added to the margin of each forget example."""
    draw, labels, side = np.random.default_rng(seed), np.arange(180) % 3, np.repeat(["forget", "retain", "test"], 60)
    logits = draw.normal(0, 0.3, size=(count, 180, 3)) + 2 * np.eye(3)[labels]
    logits[:, :60] += np.asarray(change)[:, None] * np.eye(3)[labels[:60]]
    return Observation.of_logits(logits, labels, labels, side, np.arange(180))


HALF = np.r_[np.full(30, 6.0), np.full(30, -6.0)]


@pytest.mark.parametrize(("change", "says"), [(HALF, True), (np.full(60, 6.0), False), (np.full(60, -6.0), False)])
def test_who_remembers_some_and_over_forgets_others_is_said_to_do_both_and_nobody_else(change, says):
    reference = reference_of((Accuracy(), ThresholdMIA(), PerExample()), models(0, 19, np.zeros(60)))
    verdict = assess(reference, models(1, 4, change), draws=20, name="DEL")[1]
    assert ("some of the forget examples it remembers, others it over-forgets" in verdict["detail"]) == says
    counts = verdict["counts"]
    assert (counts["recognised"] > 0, counts["standing_out"] > 0) == (bool((change > 0).any()), bool((change < 0).any()))


def test_methods_of_one_name_are_told_apart_by_their_values():
    names = distinct(["DEL(keep=0.1)", "DEL(keep=0.3)", "NegGrad(alpha=0.9)"])
    told = [sentence(name, "passes", "all is well", "") for name in names.values()]
    assert told == ["DEL(keep=0.1): passes. All is well.", "DEL(keep=0.3): passes. All is well.", "NegGrad: passes. All is well."]
