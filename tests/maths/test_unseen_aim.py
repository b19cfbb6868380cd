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
    assert found.error == pytest.approx(math.sqrt(2 / 4 / 16 * (1 / 2 + 1 / 4)))
    assert found.agreement == pytest.approx(0.8)
    assert aim_of([5.0], [1, 1], [1, 2]).agreement == 0.0  # all are one to the other model


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
