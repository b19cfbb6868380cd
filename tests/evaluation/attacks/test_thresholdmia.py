import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score, roc_curve

from trials import TrialObservations, score
from untrain.evaluation.attacks.thresholdmia import ThresholdMIA, class_weights
from untrain.evaluation.base import Prepared
from untrain.evaluation.scoring.resampling import number
from untrain.maths.logits import losses
from untrain.maths.roc import rates


def trial(ours, oracle):
    return score(ThresholdMIA(), TrialObservations(oracle, ours, oracle), draws=100)


def test_the_area_is_sklearns_with_the_same_weights(planted):
    side = planted.sides(30, 5, 40)
    seen = planted.noisy(4, side, boost=0.7)
    forget, test = side == "forget", side == "test"
    weights = class_weights(seen.labels[forget], seen.labels[test])
    each = [
        roc_auc_score(np.r_[np.ones(30), np.zeros(40)], -np.r_[row[forget], row[test]], sample_weight=np.r_[np.ones(30), weights])
        for row in losses(seen.logits, seen.labels)
    ]
    assert trial(seen, seen)["mia_loss_auc"].value == pytest.approx(np.mean(each), abs=1e-7)


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


SIGNALS = ("loss", "confidence", "entropy", "mentropy")


def by_hand(seen, name):
    """Attack scores straight from probabilities, (m, n)."""
    p = softmax(seen.logits.astype(float), axis=-1)
    own = np.take_along_axis(p, np.broadcast_to(seen.labels[None, :, None], (*p.shape[:2], 1)), -1)[..., 0]
    if name == "loss":
        return np.log(own)
    if name == "confidence":
        return p.max(-1)
    if name == "entropy":
        return (p * np.log(p)).sum(-1)
    label = np.eye(p.shape[-1], dtype=bool)[seen.labels]
    return (1 - own) * np.log(own) + np.where(label, 0, p * np.log(1 - p)).sum(-1)


@pytest.mark.parametrize("name", SIGNALS)
def test_each_signal_is_the_formula_on_probabilities(planted, name):
    side = planted.sides(30, 5, 40)
    seen = planted.noisy(3, side, boost=0.7)
    weights = class_weights(seen.labels[side == "forget"], seen.labels[side == "test"])
    each = [
        roc_auc_score(np.repeat([1, 0], [30, 40]), row[side != "retain"], sample_weight=np.r_[np.ones(30), weights])
        for row in by_hand(seen, name)
    ]
    assert trial(seen, seen)[f"mia_{name}_auc"].value == pytest.approx(np.mean(each), abs=1e-6)


@pytest.mark.parametrize("name", SIGNALS)
def test_the_rate_is_read_off_sklearns_curve(planted, name):
    side = planted.sides(60, 5, 1200)
    seen = planted.noisy(2, side, boost=2)
    each = []
    for row in by_hand(seen, name):
        fpr, tpr, _ = roc_curve(np.repeat([1, 0], [60, 1200]), row[side != "retain"], drop_intermediate=False)
        each.append(tpr[fpr <= 0.01].max())
    found = trial(seen, seen)
    assert found[f"mia_{name}_tpr_1"].value == pytest.approx(np.mean(each))
    assert found[f"mia_{name}_tpr_01"].value is None
    assert "1200 test examples" in found[f"mia_{name}_tpr_01"].reason
    assert "10000 are needed" in found[f"mia_{name}_tpr_01"].reason


def test_the_balanced_accuracy_is_right_where_members_are_easy_to_tell(planted):
    side = planted.sides(40, 100, 100)
    p = np.r_[np.full(30, 0.99), np.full(10, 0.2), np.full(100, 0.99), np.full(100, 0.2)]
    seen = planted.observed(planted.confident(p), np.zeros(240, int), side)
    assert trial(seen, seen)["mia_loss_accuracy"].value == pytest.approx((30 / 40 + 1) / 2)


@pytest.mark.parametrize("name", SIGNALS)
def test_no_example_is_scored_by_a_threshold_that_it_helped_to_choose(planted, name):
    """Where all examples are of one law the balanced accuracy is one half, as no threshold chosen on the same ones would give."""
    side, found = planted.sides(30, 30, 30), []
    for seed in range(60):
        draw = np.random.default_rng(seed)
        seen = planted.observed(draw.normal(size=(1, 90, 3)), np.arange(90) % 3, side)
        tables = ThresholdMIA().prepare(seen)
        found.append(number(ThresholdMIA().evaluate(Prepared(tables, tables, side, False))[f"mia_{name}_accuracy"]))
    assert np.mean(found) == pytest.approx(0.5, abs=3 * np.std(found) / np.sqrt(60))


def test_a_retain_set_without_a_class_leaves_the_accuracy_alone_without_a_value(planted):
    side = planted.sides(4, 4, 6)
    seen = planted.observed(np.zeros((3, 14, 3)), [0, 1, 2, 0, 0, 0, 0, 1, 0, 1, 2, 0, 1, 2], side)
    found = trial(seen, seen)
    assert found["mia_loss_accuracy"].value is None
    assert "cannot be learned" in found["mia_loss_accuracy"].reason
    assert found["mia_loss_auc"].value == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["loss", "confidence", "entropy", "mentropy"])
def test_curves_are_the_rates_of_each_model(planted, name):
    side = planted.sides(30, 5, 300)
    seen = planted.noisy(3, side, boost=1)
    tables = ThresholdMIA().prepare(seen)
    curve = ThresholdMIA().curves(Prepared(tables, tables, side, False))[f"mia_{name}"]
    weights = class_weights(seen.labels[side == "forget"], seen.labels[side == "test"])
    once = np.ones((1, 30)), np.ones((1, 300))
    for row, tpr in zip(by_hand(seen, name), curve.tpr, strict=True):
        each = [rates(row[side == "forget"], row[side == "test"], f, weights, *once)[0] for f in curve.fpr[:-1]]
        assert tpr[:-1] == pytest.approx(each, abs=0.035)  # scores are kept in single precision: one example of 30
    assert (curve.fpr[0], curve.fpr[-1]) == (pytest.approx(1 / 300), 1)
    assert curve.against == "test"


def test_where_the_test_set_lacks_a_class_there_are_no_curves(planted):
    seen = planted.observed(np.zeros((1, 4, 2)), [0, 1, 0, 0], planted.sides(2, 0, 2))
    tables = ThresholdMIA().prepare(seen)
    assert ThresholdMIA().curves(Prepared(tables, tables, seen.side, False)) == {}


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
