import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from untrain.core.records import Trial
from untrain.evaluate.lossmia import LossMia, class_weights
from untrain.evaluate.score import score
from untrain.maths.logits import losses


def trial(ours, oracle):
    return score(LossMia(), Trial(oracle, ours, oracle), draws=100)


def test_the_area_is_sklearns_with_the_same_weights(planted):
    side = planted.sides(30, 5, 40)
    seen = planted.noisy(4, side, boost=0.7)
    forget, test = side == "forget", side == "test"
    weights = class_weights(seen.labels[forget], seen.labels[test])
    each = [
        roc_auc_score(np.r_[np.ones(30), np.zeros(40)], -np.r_[row[forget], row[test]], sample_weight=np.r_[np.ones(30), weights])
        for row in losses(seen.logits, seen.labels)
    ]
    assert trial(seen, seen)["mia_loss_auc"].value == pytest.approx(np.mean(each), abs=1e-9)


def test_weights_give_the_others_the_members_class_mix():
    members, others = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1, 2])
    weights = class_weights(members, others)
    assert weights.mean() == pytest.approx(1)
    assert [weights[others == c].sum() / weights.sum() for c in range(3)] == pytest.approx([0.75, 0.25, 0])


def test_a_class_that_is_hard_for_all_does_not_pass_for_membership(planted):
    """Class 0 is easy, class 1 hard, whoever is asked; the forget set is of class 0 and so is half of the test set."""
    side = planted.sides(20, 2, 40)
    labels = np.r_[np.zeros(20, int), 0, 1, np.tile([0, 1], 20)]
    draw = np.random.default_rng(0)
    logits = np.zeros((6, len(side), 2))
    logits[:, np.arange(len(side)), labels] = np.where(labels == 0, 5, -5) + draw.normal(size=(6, len(side)))
    seen = planted.observed(logits, labels, side)
    unmatched = np.mean(
        [roc_auc_score(side[side != "retain"] == "forget", -row[side != "retain"]) for row in losses(seen.logits, labels)]
    )
    assert unmatched > 0.7
    assert trial(seen, seen)["mia_loss_auc"].value == pytest.approx(0.5, abs=0.06)


def test_without_a_class_of_the_forget_set_in_test_there_is_a_reason(planted):
    side = planted.sides(4, 2, 4)
    seen = planted.observed(np.zeros((3, 10, 3)), [0, 1, 2, 0, 0, 0, 0, 1, 1, 0], side)
    for found in trial(seen, seen).values():
        assert (found.value, found.low, found.floor, found.ceiling, found.ideal) == (None,) * 5
        assert "lacks a class" in found.reason


@pytest.mark.parametrize("sizes", [(0, 3, 3), (3, 3, 0)])
def test_without_members_or_non_members_there_is_a_reason(planted, sizes):
    seen = planted.noisy(3, planted.sides(*sizes))
    assert all(s.value is None and "no" in s.reason for s in trial(seen, seen).values())


def test_a_forget_set_of_one_has_an_area(planted):
    side = planted.sides(1, 3, 9)
    found = trial(planted.noisy(2, side), planted.noisy(4, side, seed=1))["mia_loss_auc"]
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_an_area_near_zero_is_told_as_over_forgetting(planted):
    side = planted.sides(30, 5, 30)
    oracle, ours = planted.noisy(6, side), planted.noisy(3, side, boost=-50, seed=1)
    found = trial(ours, oracle)["mia_loss_auc"]
    assert found.value < 0.001
    assert "over-forgets" in found.note


def test_a_further_oracle_and_an_original_are_not_told_to_over_forget(planted):
    side = planted.sides(30, 5, 30)
    oracle = planted.noisy(6, side)
    assert trial(planted.noisy(3, side, seed=2), oracle)["mia_loss_auc"].note is None
    assert trial(planted.noisy(3, side, boost=5, seed=1), oracle)["mia_loss_auc"].note is None


def test_oracles_without_spread_do_not_condemn_their_equal(planted):
    side = planted.sides(7, 3, 11)
    one = planted.noisy(1, side)
    oracle, ours = (planted.observed(np.repeat(one.logits, m, axis=0), one.labels, side) for m in (10, 3))
    assert trial(ours, oracle)["mia_loss_auc"].note is None
