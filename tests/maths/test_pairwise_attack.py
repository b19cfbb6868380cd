"""The attack by pairs of models, against double loops and what can be worked out by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from untrain.maths.pairwise_attack import adjusted, attack, difficulty, distance_gains, gains


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


def test_a_temperature_that_models_differ_by_is_removed_whole():
    draw = np.random.default_rng(2)
    base, heat, ours_heat = draw.uniform(1, 3, size=8), draw.uniform(0.8, 1.2, size=6), np.array([0.5, 1.0, 2.0])
    ours, theirs = adjusted(np.outer(ours_heat, base), 2 * ours_heat, np.outer(heat, base), 2 * heat)
    expected = heat.mean() * base
    np.testing.assert_allclose(theirs, np.tile(expected, (6, 1)), atol=1e-12)
    np.testing.assert_allclose(ours, np.tile(expected, (3, 1)), atol=1e-12)


def test_where_models_are_unsure_of_the_control_all_examples_move_as_it_does():
    other = np.array([[1.0, 2.0, -1.0], [2.0, 3.0, 0.0]])
    ours, theirs = adjusted(other[:1] + 3, np.array([3.0]), other, np.array([0.0, 0.4]))
    np.testing.assert_allclose(ours, other[:1] + 0.2)
    np.testing.assert_allclose(theirs, other - [[-0.2], [0.2]])


def test_models_with_one_control_are_taken_as_they_are():
    draw = np.random.default_rng(3)
    signals, others = draw.normal(size=(2, 5)), draw.normal(size=(4, 5))
    ours, theirs = adjusted(signals, np.ones(2), others, np.ones(4))
    assert ours.tolist() == signals.tolist()
    assert theirs.tolist() == others.tolist()


def test_examples_of_which_models_are_unsure_move_little_and_none_moves_more_than_twice_as_much():
    others = np.array([[-1.0, 2.0, 40.0]])
    ours, _ = adjusted(np.zeros((1, 3)), np.array([5.0]), others, np.array([4.0]))
    np.testing.assert_allclose(-ours[0], [0.0, 0.5, 2.0])


def test_examples_weigh_by_how_unsure_models_are_of_them():
    weights = difficulty(np.array([[0.0, 4.0, 400.0], [0.0, 4.0, 400.0]]))
    assert weights.sum() == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx((1 / (1 + np.e)) / 0.5)
    assert weights[2] < 1e-40
    assert difficulty(np.full((1, 1), 800.0)).tolist() == [1.0], "one example that all are sure of still weighs"


def test_of_models_alike_each_beats_as_many_as_beat_it():
    draw = np.random.default_rng(5)
    signals = draw.normal(size=(9, 1))
    each = attack(signals, np.zeros(9), signals, np.zeros(9))[1]
    assert each.larger.mean() == pytest.approx(0, abs=1e-12)
    assert each.farther.mean() == pytest.approx(0, abs=1e-12)


def test_a_further_model_of_the_kind_gains_what_each_gains_over_the_others():
    draw = np.random.default_rng(5)
    differences = []
    for _ in range(100):
        signals, control = draw.standard_t(3, size=(28, 30)), draw.normal(size=28)
        further, each = attack(signals[8:], control[8:], signals[:8], control[:8])
        differences.append(
            [
                further.larger.mean() - each.larger.mean(),
                further.farther.mean() - each.farther.mean(),
                np.abs(further.farthest).mean() - np.abs(each.farthest).mean(),
            ]
        )
    off = np.abs(np.mean(differences, axis=0)) - 4 * np.std(differences, axis=0) / 10
    assert off[0] < 0.001
    assert off[1] < 0.03, "slopes are fitted to the others, so that these lie a little nearer to their mean"
    assert off[2] < 0.3


def test_the_farthest_example_is_found_with_its_direction():
    draw = np.random.default_rng(6)
    others, none = draw.normal(size=(20, 40)), np.zeros(20)
    ours = draw.normal(size=(2, 40)) * 0.1
    ours[0, 7], ours[1, 9] = 30.0, -30.0
    far = attack(ours, none[:2], others, none)[0].farthest
    assert far[0] > 15
    assert far[1] < -15


def test_a_model_that_saw_the_examples_gains_and_one_that_is_surer_of_all_does_not():
    draw = np.random.default_rng(7)
    base = draw.normal(size=50)
    others = base + draw.normal(size=(10, 1)) + draw.normal(size=(10, 50))
    control = others.mean(1) - base.mean()
    seen = base + 1 + draw.normal(size=(5, 50))
    surer = base + 3 + draw.normal(size=(5, 50))
    assert attack(seen, np.zeros(5), others, control)[0].larger.min() > 0.1
    assert np.abs(attack(surer, np.full(5, 3.0), others, control)[0].larger.mean()) < 0.1


def test_the_attack_by_distance_sees_what_cancels_in_the_other():
    draw = np.random.default_rng(8)
    others, weights = draw.normal(size=(19, 40)), np.full(40, 1 / 40)
    both_ways = draw.normal(size=(20, 40)) + np.where(np.arange(40) % 2, 1.5, -1.5)
    assert abs(gains(both_ways, others, weights).mean()) < 0.03
    assert distance_gains(both_ways, others, weights).mean() > 0.15
    same = [distance_gains(draw.normal(size=(1, 40)), draw.normal(size=(5, 40)), weights)[0] for _ in range(400)]
    assert abs(np.mean(same)) < 4 * np.std(same) / 20, "of models alike either is farther as often"
