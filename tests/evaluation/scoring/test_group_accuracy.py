"""Who paid."""

import numpy as np
import pytest
from scipy import stats

from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring import group_accuracy as module
from untrain.evaluation.scoring.group_accuracy import accuracy_by_group

SIDE = np.repeat(["forget", "retain", "test"], [60, 60, 120])


def answers(models, seed, loss=None, wrong=False):
    """Models that answer nine in ten rightly, but six in ten of the class ``loss`` of the test set."""
    rng = np.random.default_rng(seed)
    true = np.arange(len(SIDE)) % 3
    labels = np.where((np.arange(len(SIDE)) % 5 == 0) & wrong & (SIDE == "forget"), (true + 1) % 3, true)
    share = np.where((true == loss) & (SIDE == "test"), 0.6, 0.9)
    right = rng.random((models, len(SIDE))) < share
    answered = np.where(right, true, (true + 1) % 3)
    return Observation.of_logits(np.eye(3)[answered].astype(np.float32), labels, true, SIDE, np.arange(len(SIDE)))


def test_the_class_that_lost_comes_first_and_is_told_from_the_others():
    found = accuracy_by_group(answers(6, 1, loss=2), answers(12, 2))
    assert found[0]["group"] == "class 2"
    assert found[0]["test"]["difference"] == pytest.approx(-0.3, abs=0.1)
    assert found[0]["test"]["p"] <= 0.05
    assert all(e[s]["p"] > 0.05 for e in found for s in ("test", "forget") if (e["group"], s) != ("class 2", "test"))
    assert found[0]["test"]["high"] < -2 * found[0]["test"]["floor"] < 0


def test_the_interval_is_that_of_welch():
    draw = np.random.default_rng(0)
    ours, theirs = draw.normal(size=4), draw.normal(size=7)
    told = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
    np.testing.assert_allclose(module.welch(ours, theirs, ours.mean() - theirs.mean()), told)


def test_one_model_borrows_the_spread_of_the_oracles_as_a_prediction_interval_does():
    theirs = np.array([0.0, 1.0, 2.0])
    low, high = module.welch(np.array([1.0]), theirs, 0.0)
    assert high == -low == pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(4 / 3))
    assert module.welch(np.array([1.0]), theirs[:1], 0.0) == (None, None)


def apart(*right):
    """Models that answer four examples of class 0 rightly or not, and one of class 1 always."""
    answered = 1 - np.array([[*row, 0] for row in right])
    labels, side = np.array([0, 0, 0, 0, 1]), np.repeat("test", 5)
    return Observation.of_logits(np.eye(2)[answered].astype(np.float32), labels, labels, side, np.arange(5))


def test_no_interval_reaches_beyond_what_a_difference_of_accuracies_can_be():
    found = accuracy_by_group(apart([0, 1, 1, 1], [1, 0, 0, 0]), apart([1, 1, 1, 1], [1, 1, 1, 1]))[0]["test"]
    assert module.welch(np.array([0.75, 0.25]), np.array([1.0, 1.0]), -0.5)[0] < -3  # one degree of freedom
    assert (found["difference"], found["low"], found["high"]) == (-0.5, -1.0, 1.0)


def test_wrong_labels_are_a_group_where_there_are_some():
    found = {e["group"]: e for e in accuracy_by_group(answers(3, 1, wrong=True), answers(6, 2, wrong=True))}
    assert found["wrong labels"]["test"] is None
    assert found["wrong labels"]["forget"]["examples"] == 12
    assert found["wrong labels"]["forget"]["oracle"] < 0.3
    assert found["right labels"]["test"]["examples"] == 120
    assert "wrong labels" not in {e["group"] for e in accuracy_by_group(answers(3, 1), answers(6, 2))}


def test_false_alarms_over_all_groups_are_as_rare_as_was_asked_for():
    alarms = 0
    for seed in range(200):
        found = accuracy_by_group(answers(3, (seed, 1)), answers(8, (seed, 2)))
        alarms += any(e[s]["p"] <= 0.05 for e in found for s in ("test", "forget"))
    assert alarms / 200 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)


def test_too_few_models_have_no_p_and_no_floor():
    one = accuracy_by_group(answers(1, 1), answers(4, 2))[0]["test"]
    assert one["p"] is None
    assert one["floor"] is not None
    assert accuracy_by_group(answers(3, 1), answers(4, 2))[0]["test"]["floor"] is None


def test_a_single_class_has_no_groups():
    seen = answers(2, 1)
    bare = Observation.of_logits(seen.logits, np.zeros_like(seen.labels), np.zeros_like(seen.true), seen.side, seen.ids)
    assert accuracy_by_group(bare, bare) == []
