import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from untrain.evaluation.attacks._held_out import HeldOutScores, few, parts_for
from untrain.evaluation.scoring.resampling import number
from untrain.maths.likelihood_ratio import ulira


def tried(seed=0, ours=(0, 1, 2, 0), theirs=(0, 1, 2, 0, 1, 2, 0), n=9):
    draw = np.random.default_rng(seed)
    tables = (np.round(draw.normal(size=(len(f), n)), 1) for f in (ours, theirs))
    return HeldOutScores(*tables, (np.array(ours), np.array(theirs)))


def test_the_area_is_sklearns_within_folds():
    held, each = tried(), []
    for own, fold in zip(held.ours, held.folds[0], strict=True):
        others = held.theirs[held.folds[1] == fold].ravel()
        each.append(roc_auc_score(np.repeat([1, 0], [len(own), len(others)]), np.r_[own, others]))
    assert number(held.area()) == pytest.approx(np.mean(each), abs=1e-12)


def test_the_table_of_the_oracles_adds_nothing_to_a_value():
    for measure in (tried().area(), tried(n=400).rate(0.01)):
        assert measure.parts[1].values.mean() == pytest.approx(0, abs=1e-12)
        assert np.ptp(measure.parts[1].values) > 0


@pytest.mark.parametrize(("m", "k", "n"), [(5, 10, 10), (3, 6, 20)])
def test_the_area_is_one_half_on_average_though_examples_are_few(m, k, n):
    """Against oracles that the fits of other folds know, it would be 0.493 of the first."""
    found, draw = [], np.random.default_rng(0)
    for _ in range(1500):
        ours, theirs = (draw.normal(size=(c, n)) + draw.normal(0, 0.3, (c, 1)) for c in (m, k))
        held = ulira(ours, theirs)
        found.append(number(HeldOutScores(held.unlearned, held.oracle, held.folds).area()))
    assert np.mean(found) == pytest.approx(0.5, abs=3 * np.std(found) / np.sqrt(1500))


def test_the_curve_goes_through_the_rates_that_are_scores():
    held = tried(n=400)
    curve = held.curve("Made up")
    at = np.searchsorted(curve.fpr, 0.01)  # the grid seldom holds a rate itself: its neighbours bound it
    low, high = curve.tpr[0, at - 1], curve.tpr[0, at]
    assert low - 1e-12 <= number(held.rate(0.01)) <= high + 1e-12


def test_the_curve_is_sklearns_of_all_scores_together():
    held = tried(n=40)
    curve, truth = held.curve("Made up"), np.repeat([1, 0], [held.ours.size, held.theirs.size])
    fpr, tpr, _ = roc_curve(truth, np.r_[held.ours.ravel(), held.theirs.ravel()], drop_intermediate=False)
    # Between two of its points no threshold exists: the curve stays at the left one.
    expected = [tpr[np.flatnonzero(fpr <= rate * (1 + 1e-9))[-1]] for rate in curve.fpr]
    assert curve.tpr[0] == pytest.approx(expected, abs=1e-12)
    assert curve.tpr[0, 0] < curve.tpr[0, 20] < curve.tpr[0, -1] == 1


def test_populations_that_are_alike_lie_on_the_line_of_guessing():
    draw = np.random.default_rng(3)
    folds = np.arange(4), np.arange(4)
    curve = HeldOutScores(draw.normal(size=(4, 5000)), draw.normal(size=(4, 5000)), folds).curve("Made up")
    assert curve.tpr[0] == pytest.approx(curve.fpr, abs=0.02)


def test_folds_are_as_many_as_models_of_a_kind_and_leave_enough_to_fit():
    assert parts_for(10, 5, 10, 2) == 5
    assert parts_for(10, 30, 40, 2) == 10
    assert parts_for(10, 1, 20, 2) == 2
    assert parts_for(10, 1, 3, 2) == 3
    assert parts_for(10, 1, 2, 1) == 2


def test_a_rate_needs_ten_that_are_found_wrongly():
    assert few(0.01, 1000, "scores") == ""
    assert "at least 1000 are needed" in few(0.01, 999, "scores")
