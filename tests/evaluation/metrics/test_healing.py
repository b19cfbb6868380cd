"""Healing of corrupted examples."""

import numpy as np
import pytest

from trials import TrialObservations, score
from untrain.evaluation.metrics.healing import CLEAN, Healing
from untrain.evaluation.observation import Observation

SIDE = np.repeat(["forget", "retain", "test"], [4, 6, 10])


def models(predicted, labels, true):
    logits = np.zeros((len(predicted), len(labels), 3), np.float32)
    for row, classes in zip(logits, predicted, strict=True):
        row[np.arange(len(labels)), classes] = 5
    return Observation.of_logits(logits, labels, true, SIDE, np.arange(len(labels)))


def scores_of(predicted, labels, true):
    ours = models(predicted, labels, true)
    return score(Healing(), TrialObservations(ours, ours, ours))


def test_found_and_hidden_faults_are_scored_apart_and_together():
    true = np.arange(20) % 3
    labels = true.copy()
    wrong = [0, 1, 2, 3, 4, 5]  # four that were found, two that were not
    labels[wrong] = (true[wrong] + 1) % 3
    predicted = true.copy()
    predicted[[0, 4, 5]] = labels[[0, 4, 5]]  # one found, both hidden are predicted as mislabelled
    predicted[10] = (true[10] + 1) % 3  # one of ten test examples is wrong
    values = {name: one.value for name, one in scores_of([predicted, predicted], labels, true).items()}
    assert values == pytest.approx(
        {"healed_found": 3 / 4, "healed_hidden": 0.0, "healed_accuracy": 3 / 6, "healed_times_test": 3 / 6 * 0.9}
    )


def test_where_all_faults_were_found_those_in_the_forget_set_are_all():
    true = np.arange(20) % 3
    labels = true.copy()
    labels[:4] = (true[:4] + 1) % 3
    found = scores_of([true, true], labels, true)
    assert found["healed_accuracy"].value == found["healed_found"].value == 1.0
    assert found["healed_hidden"].reason == "no wrong label is in the retain set"


def test_without_faults_there_is_nothing_to_heal():
    true = np.arange(20) % 3
    assert scores_of([true, true], true, true)["healed_accuracy"].reason == CLEAN
