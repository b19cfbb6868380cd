import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_curve
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score

from trials import TrialObservations, score
from untrain.evaluation.attacks.logisticmia import LogisticMIA
from untrain.maths.logits import losses


def found(seen):
    return score(LogisticMIA(), TrialObservations(seen, seen, seen), draws=20)["mia_logistic_accuracy"]


def of_the_kit(loss, members):
    splits = StratifiedShuffleSplit(n_splits=10, random_state=0)
    return cross_val_score(LogisticRegression(), loss[:, None], members, cv=splits, scoring="accuracy").mean()


@pytest.mark.parametrize("boost", [0.0, 1.0, 3.0])
def test_it_is_the_kits_attack_on_the_same_rows(planted, boost):
    side = planted.sides(60, 10, 60)
    seen = planted.noisy(3, side, boost)
    used = np.r_[np.arange(70, 130), np.arange(60)]  # the kit puts test losses first
    each = [of_the_kit(row[used], np.repeat([0, 1], 60)) for row in losses(seen.logits, seen.labels)]
    assert found(seen).value == pytest.approx(np.mean(each), abs=1e-9)


def test_its_curve_would_be_that_of_the_loss(planted):
    side = planted.sides(60, 10, 60)
    seen = planted.noisy(1, side, 1.0)
    (loss,) = losses(seen.logits, seen.labels)
    used = side != "retain"
    sure = LogisticRegression().fit(loss[used, None], side[used] == "forget").decision_function(loss[used, None])
    ours, theirs = (roc_curve(side[used] == "forget", signal)[:2] for signal in (sure, -loss[used]))
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("sizes", [(40, 5, 100), (100, 5, 40)])
def test_as_many_are_drawn_of_one_side_as_of_the_other(planted, sizes):
    value = found(planted.noisy(4, planted.sides(*sizes), seed=1)).value
    assert value == pytest.approx(0.5, abs=0.12)


def test_a_perfect_separation_scores_one(planted):
    side = planted.sides(30, 5, 30)
    p = np.where(side == "test", 0.01, 0.99)
    assert found(planted.observed(planted.confident(p), np.zeros(65, int), side)).value == 1


def test_too_few_examples_are_a_reason(planted):
    assert "at least 10" in found(planted.noisy(2, planted.sides(9, 5, 30))).reason
