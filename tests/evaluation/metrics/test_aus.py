import numpy as np
import pytest

from trials import TrialObservations, score
from untrain.evaluation.base import Prepared
from untrain.evaluation.metrics.aus import AUS
from untrain.evaluation.scoring.resampling import number

N = 10_000


def answering(planted, right, classes=False, count=N):
    """One model right on these shares of forget, retain and test examples; of test examples of lost and kept classes if asked.

    With ``classes`` the shares are of retain, of test examples of the kept and of the forgotten class.
    """
    if classes:
        side = planted.sides(2, count, 2 * count)
        labels = np.r_[1, 1, np.zeros(2 * count, int), np.ones(count, int)]
        hit = np.r_[1, 1, *(np.arange(count) < round(count * r) for r in right)].astype(bool)
    else:
        side = planted.sides(count, count, count)
        labels = np.zeros(3 * count, int)
        hit = np.concatenate([np.arange(count) < round(count * r) for r in right])
    return planted.observed(np.eye(2)[np.where(hit, labels, 1 - labels)][None], labels, side)


def aus(planted, original, ours, classes=False):
    was, now = (answering(planted, right, classes) for right in (original, ours))
    return score(AUS(), TrialObservations(was, now, was), draws=5)["aus_classes" if classes else "aus"].value


@pytest.mark.parametrize(("forgotten", "expected"), [(0.8834, 0.530955), (0.7755, 0.563222), (0.684, 0.593824)])
def test_the_original_of_a_class_removal_has_the_golden_score(planted, forgotten, expected):
    right = (1.0, 0.85, forgotten)
    assert aus(planted, right, right, classes=True) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("test", "expected"), [(0.8872, 0.898634), (0.7756, 0.816727), (0.6822, 0.758840)])
def test_the_original_of_a_random_removal_has_the_golden_score(planted, test, expected):
    assert aus(planted, (1.0, 1.0, test), (1.0, 1.0, test)) == pytest.approx(expected, abs=1e-6)


def test_nothing_lost_and_all_forgotten_is_one(planted):
    assert aus(planted, (1.0, 0.8864, 0.9), (1.0, 0.8864, 0.0), classes=True) == pytest.approx(1)


def test_it_exceeds_one_where_test_accuracy_has_risen(planted):
    assert aus(planted, (1.0, 0.8864, 0.9), (1.0, 0.90, 0.0), classes=True) == pytest.approx(1.0136, abs=1e-6)
    assert aus(planted, (1.0, 0.8864, 0.9), (1.0, 0.855, 0.0), classes=True) == pytest.approx(0.9686, abs=1e-6)


def test_the_run_s_own_original_is_the_yardstick(planted):
    ours = (0.7, 1.0, 0.7)
    assert aus(planted, (1.0, 1.0, 0.7), ours) == pytest.approx(1.0)
    assert aus(planted, (1.0, 1.0, 0.9), ours) == pytest.approx(0.8)


def test_too_much_forgetting_costs_as_too_little_does(planted):
    assert aus(planted, (1.0, 1.0, 0.7), (0.5, 1.0, 0.7)) == pytest.approx(aus(planted, (1.0, 1.0, 0.7), (0.9, 1.0, 0.7)))


def test_a_request_of_examples_has_no_form_for_classes(planted):
    seen = answering(planted, (1, 1, 1), count=20)
    s = score(AUS(), TrialObservations(seen, seen, seen), draws=5)["aus_classes"]
    assert s.value is None
    assert "not of whole classes" in s.reason


def test_without_an_original_there_is_a_reason_and_no_constant(planted):
    seen = answering(planted, (1, 1, 1), count=20)
    ready = AUS().prepare(seen)
    assert all("no original" in reason for reason in AUS().evaluate(Prepared(ready, ready, seen.side, False)).values())


def test_without_test_examples_there_is_a_reason(planted):
    seen = planted.noisy(2, planted.sides(3, 3, 0))
    assert all("no test" in s.reason for s in score(AUS(), TrialObservations(seen, seen, seen), draws=5).values())


def test_the_interval_holds_the_value_and_pairs_test_examples(planted):
    side = planted.sides(50, 20, 200)
    was, now, oracle = (planted.noisy(m, side, boost, seed=s) for m, boost, s in ((5, 3, 0), (5, 1, 0), (8, 0, 2)))
    s = score(AUS(), TrialObservations(was, now, oracle), draws=200)["aus"]
    assert s.low < s.value < s.high
    ready = AUS().prepare(now)
    same = AUS().evaluate(Prepared(ready, ready, side, False, ready))["aus"]
    assert number(same.terms[0]) == pytest.approx(0, abs=1e-12)
