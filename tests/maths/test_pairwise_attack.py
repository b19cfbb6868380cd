"""The attack by pairs of models, against double loops and what can be worked out by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from untrain.maths.pairwise_attack import adjusted, attack, attack_each, difficulty, gains


def test_the_gain_is_that_of_all_pairs_of_models_and_ties_count_half():
    draw = np.random.default_rng(0)
    ours, theirs = draw.integers(0, 4, size=(5, 7)).astype(float), draw.integers(0, 4, size=(6, 7)).astype(float)
    weights = draw.dirichlet(np.ones(7))
    by_pairs = [
        sum(w * np.mean([(a > b) + (a == b) / 2 for b in theirs[:, j]]) for j, (a, w) in enumerate(zip(one, weights, strict=True)))
        - 0.5
        for one in ours
    ]
    np.testing.assert_allclose(gains(ours, theirs, weights), by_pairs, atol=1e-12)


def test_the_mean_gain_on_one_example_is_the_area_under_the_curve_less_a_half():
    draw = np.random.default_rng(1)
    ours, theirs = draw.normal(0.7, 1, size=(9, 1)), draw.normal(size=(12, 1))
    area = roc_auc_score([1] * 9 + [0] * 12, np.concatenate([ours, theirs])[:, 0])
    assert gains(ours, theirs, np.ones(1)).mean() == pytest.approx(area - 0.5)


def test_gains_end_at_a_half():
    one, other = np.full((1, 3), 5.0), np.zeros((4, 3))
    assert gains(one, other, np.full(3, 1 / 3)) == pytest.approx(0.5)
    assert gains(other[:1], one, np.full(3, 1 / 3)) == pytest.approx(-0.5)


def test_a_shift_of_everything_is_removed_with_slope_1_by_one_other_model():
    other = np.array([[1.0, 2.0, -1.0]])
    ours, theirs = adjusted(other + 3, np.array([3.0]), other, np.array([0.0]))
    assert ours.tolist() == (other + 3).tolist(), "one other model has no spread of the control: nothing is removed"
    assert theirs.tolist() == other.tolist()


def test_a_shift_that_all_examples_share_is_removed_whole():
    draw = np.random.default_rng(2)
    base, shift, ours_shift = draw.normal(size=8), draw.normal(size=6), draw.normal(size=4)
    ours, theirs = adjusted(base + ours_shift[:, None], ours_shift, base + shift[:, None], shift)
    expected = np.tile(base + shift.mean(), (6, 1))
    np.testing.assert_allclose(theirs, expected, atol=1e-12)
    np.testing.assert_allclose(ours, expected[:4], atol=1e-12)


def test_models_with_one_control_are_taken_as_they_are():
    draw = np.random.default_rng(3)
    signals, others = draw.normal(size=(2, 5)), draw.normal(size=(4, 5))
    ours, theirs = adjusted(signals, np.ones(2), others, np.ones(4))
    assert ours.tolist() == signals.tolist()
    assert theirs.tolist() == others.tolist()


def test_slopes_are_drawn_to_1_and_reach_the_truth_with_many_models():
    draw = np.random.default_rng(4)
    control = draw.normal(size=4000)
    others = np.outer(control, [0.0, 1.0, 3.0])
    ours, _ = adjusted(np.zeros((1, 3)), np.array([control.mean() + 1]), others, control)
    np.testing.assert_allclose(-ours[0], [0.0, 1.0, 3.0], atol=0.01)
    few = control[:5]
    ours, _ = adjusted(np.zeros((1, 3)), np.array([few.mean() + 1]), np.outer(few, [0.0, 1.0, 3.0]), few)
    np.testing.assert_allclose(-ours[0], [0.5, 1.0, 2.0], atol=1e-12)


def test_examples_weigh_by_how_unsure_models_are_of_them():
    weights = difficulty(np.array([[0.0, 4.0, 400.0], [0.0, 4.0, 400.0]]))
    assert weights.sum() == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx((1 / (1 + np.e)) / 0.5)
    assert weights[2] < 1e-40
    assert difficulty(np.full((1, 1), 800.0)).tolist() == [1.0], "one example that all are sure of still weighs"


def test_of_models_alike_each_beats_as_many_as_beat_it():
    draw = np.random.default_rng(5)
    signals = draw.normal(size=(9, 1))
    gain, _ = attack_each(signals, np.zeros(9))
    assert gain.mean() == pytest.approx(0, abs=1e-12), "one example weighs 1 whichever model is left out"


def test_a_further_model_of_the_kind_gains_what_each_gains_over_the_others():
    draw = np.random.default_rng(5)
    differences = []
    for _ in range(100):
        signals, control = draw.standard_t(3, size=(28, 30)), draw.normal(size=28)
        further, _ = attack(signals[8:], control[8:], signals[:8], control[:8])
        differences.append(further.mean() - attack_each(signals[:8], control[:8])[0].mean())
    assert abs(np.mean(differences)) < 4 * np.std(differences) / 10 + 0.001


def test_the_farthest_example_is_found_with_its_direction():
    draw = np.random.default_rng(6)
    others, none = draw.normal(size=(20, 40)), np.zeros(20)
    ours = draw.normal(size=(2, 40)) * 0.1
    ours[0, 7], ours[1, 9] = 30.0, -30.0
    _, far = attack(ours, none[:2], others, none)
    assert far[0] > 15
    assert far[1] < -15


def test_a_model_that_saw_the_examples_gains_and_one_that_is_surer_of_all_does_not():
    draw = np.random.default_rng(7)
    base = draw.normal(size=50)
    others = base + draw.normal(size=(10, 1)) + draw.normal(size=(10, 50))
    control = others.mean(1) - base.mean()
    seen = base + 1 + draw.normal(size=(5, 50))
    surer = base + 3 + draw.normal(size=(5, 50))
    assert attack(seen, np.zeros(5), others, control)[0].min() > 0.1
    assert np.abs(attack(surer, np.full(5, 3.0), others, control)[0].mean()) < 0.1
