"""The expected area of a model that never saw some rows: closed forms, planted difficulty, and how often its error holds."""

import math

import numpy as np
import pytest

from untrain.maths.unseen_aim import Aim, difficulty_aim, even_aim
from untrain.maths.unseen_likeness import likeness


def aim_of(forgotten, unseen, losses):
    """The aim of rows of one class."""
    given = (np.asarray(each, float) for each in (forgotten, unseen, losses))
    return difficulty_aim(*given, np.zeros(len(forgotten)), np.zeros(len(unseen)))


def test_it_is_the_area_of_the_other_model_with_classes_weighted_as_among_the_forgotten():
    forgotten, classes = np.array([1.0, 1.0, 1.0, 9.0]), np.array([0, 0, 0, 1])
    unseen, others = np.array([0.0, 2.0, 8.0, 8.0, 8.0]), np.array([0, 0, 1, 1, 1])
    found = difficulty_aim(forgotten, unseen, unseen, classes, others)
    assert found.area == pytest.approx(0.75 * 0.5 + 0.25 * 1.0)
    assert found.area == pytest.approx(likeness(forgotten, unseen, classes, others).area)


def test_its_error_is_that_of_ranks_on_which_the_two_models_differ():
    found = aim_of([0.0, 5.0], [1, 2, 3, 4], [1, 2, 4, 3])  # ranks by the two differ on two rows of four, by a quarter
    assert found.area == 0.5
    assert found.error == pytest.approx(math.sqrt(2 / 15 / 4 * (1 / 2 + 1 / 4 + 1 / 8)))
    assert found.agreement == pytest.approx(0.8)
    assert aim_of([5.0], [1, 1], [1, 2]).agreement == 0.0  # all are one to the other model


def test_unseen_rows_of_classes_that_are_not_forgotten_do_not_make_it_surer():
    few, many = np.zeros(5), np.ones(1000)
    losses, others = np.random.default_rng(0).normal(size=(2, 1005))
    alone = difficulty_aim(np.zeros(30), losses[:5], others[:5], np.zeros(30), few)
    beside = difficulty_aim(np.zeros(30), losses, others, np.zeros(30), np.concatenate([few, many]))
    assert beside.area == alone.area
    assert beside.error == pytest.approx(math.sqrt((1 / 30 + 1 / 5 + 1 / 150) / 6), rel=0.1)  # as of models that do not agree


def test_of_one_unseen_row_per_class_no_agreement_is_known():
    found = difficulty_aim(np.ones(2), np.zeros(2), np.zeros(2), np.arange(2), np.arange(2))
    assert found.agreement == 0.0
    assert found.error == pytest.approx(math.sqrt(2 * (1 / 4) * 3 / 6))


def test_without_a_row_of_its_class_there_is_no_aim():
    assert math.isnan(difficulty_aim(np.ones(1), np.ones(1), np.ones(1), np.ones(1), np.zeros(1)).area)


def test_an_aim_is_met_within_the_stated_distance_or_its_error_where_that_is_larger():
    alike = likeness(np.arange(8.0) + 2.5, np.arange(10.0), np.zeros(8), np.zeros(10))
    assert alike.area == pytest.approx(0.65)
    assert not even_aim(alike).met(alike, 0.05)
    assert even_aim(alike).granted
    assert Aim(0.61, 0.01, 0.8).met(alike, 0.05)
    assert not Aim(0.59, 0.01, 0.8).met(alike, 0.05)
    assert Aim(0.59, 0.07, 0.8).met(alike, 0.05)


@pytest.mark.parametrize(
    ("forgotten", "unseen"),
    [((30, 0), (5, 1000)), ((40, 1), (2, 200)), ((5,) * 10, (1, 3) * 5), ((2, 6, 12), (40, 20, 10)), ((1,), (90,))],
)
def test_its_error_is_that_of_few_rows_and_of_classes_of_any_sizes(forgotten, unseen):
    draw, classes, others = (
        np.random.default_rng(1),
        np.repeat(np.arange(len(forgotten)), forgotten),
        np.repeat(np.arange(len(unseen)), unseen),
    )
    apart, stated = [], []
    for _ in range(300):
        hard = [draw.normal(size=len(each)) for each in (classes, others)]
        surrogate, old, truth = ([each + 0.6 * draw.normal(size=len(each)) for each in hard] for _ in range(3))
        aim = difficulty_aim(*surrogate, old[1], classes, others)
        apart.append(aim.area - likeness(*truth, classes, others).area)
        stated.append(aim.error)
    assert np.sqrt(np.mean(np.square(stated))) == pytest.approx(np.std(apart), rel=0.2)
    assert np.mean(np.abs(apart) <= 2 * np.array(stated)) > 0.9


def test_the_aim_of_a_model_to_which_rows_are_noisier_lies_nearer_to_one_half():
    draw, hard, unseen = (
        np.random.default_rng(0),
        np.random.default_rng(1).normal(size=4000) + 1,
        np.random.default_rng(2).normal(size=4000),
    )
    areas = [
        aim_of(hard + s * draw.normal(size=4000), other := unseen + s * draw.normal(size=4000), other).area for s in (0.5, 1.5)
    ]
    assert areas == pytest.approx([0.736, 0.653], abs=0.02)  # of normal laws, Phi(1 / sqrt(2 + 2 s^2))


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_difficulty_that_is_planted_is_found_and_its_error_covers(shift, noise):
    """Losses are a difficulty, in which forgotten rows are ahead, and noise of each model's own; a third model is the truth."""
    draw, errors, halves = np.random.default_rng(0), [], []
    for _ in range(150):
        forgotten, unseen = draw.normal(size=30) + shift, draw.normal(size=200)
        surrogate, old, truth = ([each + noise * draw.normal(size=len(each)) for each in (forgotten, unseen)] for _ in range(3))
        aim, area = aim_of(*surrogate, old[1]), aim_of(*truth, truth[1]).area
        errors.append((aim.area - area) / aim.error)
        halves.append(0.5 - area)
    assert abs(np.mean(errors)) < 0.35  # a regression on the surrogate's ranks would be drawn to one half
    assert np.mean(np.abs(errors) <= 2) > 0.9
    assert shift == 0 or abs(np.mean(halves)) > 0.15
