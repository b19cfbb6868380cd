"""Accuracy on test examples by whether their class is forgotten, against counts."""

import numpy as np
import pytest

from trials import TrialObservations, score
from untrain.evaluation import contract
from untrain.evaluation.metrics.classaccuracy import ClassAccuracy

SIDE = np.array(["forget"] * 2 + ["retain"] * 3 + ["test"] * 9)
LABELS = np.array([2, 2, 0, 0, 1, *[2] * 5, *[0, 0, 1, 1]])


def right_on(planted, hits, models=3, labels=LABELS, side=SIDE):
    """Models that are right on some examples and predict the next class on the others."""
    answers = np.where(hits, labels, (labels + 1) % 3)
    return planted.observed(np.repeat(np.eye(3)[answers][None], models, axis=0), labels, side)


def scored(planted, ours, theirs, labels=LABELS, side=SIDE):
    was, now, oracle = (right_on(planted, hits, labels=labels, side=side) for hits in (np.ones(len(side), bool), ours, theirs))
    return score(ClassAccuracy(), TrialObservations(was, now, oracle), draws=50)


def test_examples_count_by_whether_their_class_is_forgotten(planted):
    # Of five test examples of the class to forget two are right, of the other four three; retraining has none and all.
    ours = np.array([True] * 5 + [True, True, False, False, False] + [True, True, True, False])
    scores = scored(planted, ours, LABELS != 2)
    assert {name: s.value for name, s in scores.items()} == pytest.approx({
        "test_forgotten_accuracy": 0.4, "test_forgotten_gap": -0.4, "test_staying_accuracy": 0.75, "test_staying_gap": 0.25,
    })  # fmt: skip
    assert scores["test_forgotten_accuracy"].ideal == 0
    assert scores["test_forgotten_accuracy"].ceiling == 1


def test_train_examples_of_the_class_do_not_count(planted):
    hits = LABELS != 2
    more = hits.copy()
    more[SIDE == "forget"] = True
    assert scored(planted, more, hits)["test_forgotten_accuracy"].value == 0


def test_a_class_of_which_examples_stay_is_not_forgotten_whole(planted):
    labels = LABELS.copy()
    labels[2] = 2  # on the retain set
    scores = scored(planted, labels == labels, labels == labels, labels)
    assert all(s.value is None and "not of whole classes" in s.reason for s in scores.values())
    assert len(scores) == 4


@pytest.mark.parametrize("cut", [LABELS != 2, LABELS == 2])
def test_without_test_examples_of_either_kind_there_is_a_reason(planted, cut):
    rows = (SIDE != "test") | cut
    labels, side = LABELS[rows], SIDE[rows]
    scores = scored(planted, labels == labels, labels == labels, labels, side)
    assert {s.reason for s in scores.values()} == {"the test set lacks what is forgotten, or all else"}


def test_promises_try_a_request_of_a_whole_class():
    seen = contract.planted(1, 6.0, whole=True)
    assert set(seen.labels[seen.side == "forget"]) == {2}
    assert set(seen.labels[seen.side == "retain"]) == {0, 1}
    knows = contract.values(ClassAccuracy(), seen, contract.planted(2, 0.0, whole=True))
    assert knows["test_forgotten_accuracy"] > 0.95
    # The wrong sign is found by it, and could not be on a request of examples of all classes.
    prepared = ClassAccuracy.prepare
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClassAccuracy, "prepare", lambda self, o: prepared(self, o) * [-1, 1])
        with pytest.raises(contract.Refuted, match="wrong way"):
            contract.scores_that_say_remembers_rise_with_memory(ClassAccuracy())
    contract.scores_that_say_remembers_rise_with_memory(ClassAccuracy())
