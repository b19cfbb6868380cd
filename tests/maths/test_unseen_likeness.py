"""Forgotten beside unseen rows: closed forms, what memory and over-forgetting do to them, and how often perfect rows pass."""

import math

import numpy as np
import pytest

from untrain.maths.unseen_aim import even_aim
from untrain.maths.unseen_likeness import likeness


def is_met(found, most):
    """Whether an area is near enough to one half."""
    return even_aim(found).met(found, most)


def same(a, b):
    return likeness(np.asarray(a, float), np.asarray(b, float), np.zeros(len(a)), np.zeros(len(b)))


def test_one_class_is_mann_and_whitney():
    found = same([1, 2, 6], [0, 3, 4, 5])
    # pairs in which the forgotten row is larger: 1 of 4, 1 of 4, 4 of 4
    assert found.area == pytest.approx(6 / 12)
    assert found.error == pytest.approx(math.sqrt((3 + 4 + 1) / (12 * 3 * 4)))
    assert found.gap == pytest.approx(3 - 3)
    assert found.gap_error == pytest.approx(math.sqrt(7 / 3 + (14 / 3) / 4))


def test_classes_are_weighted_as_among_the_forgotten():
    forgotten, classes = np.array([1.0, 1.0, 1.0, 9.0]), np.array([0, 0, 0, 1])
    unseen, others = np.array([0.0, 2.0, 8.0, 8.0, 8.0]), np.array([0, 0, 1, 1, 1])
    found = likeness(forgotten, unseen, classes, others)
    assert found.area == pytest.approx(0.75 * 0.5 + 0.25 * 1.0)
    assert found.error == pytest.approx(math.sqrt(0.75**2 * 6 / (12 * 6) + 0.25**2 * 5 / (12 * 3)))
    assert found.gap == pytest.approx(0.75 * 0 + 0.25 * 1)


def test_a_class_without_unseen_rows_is_left_out_and_none_left_is_no_number():
    found = likeness(np.array([1.0, 5.0]), np.array([1.0]), np.array([0, 1]), np.array([0]))
    assert (found.area, found.compared) == (0.5, 1)
    nothing = likeness(np.array([1.0]), np.array([1.0]), np.array([1]), np.array([0]))
    assert math.isnan(nothing.area)
    assert not is_met(nothing, 1.0)


def test_memory_and_over_forgetting_both_fail():
    unseen = np.linspace(0, 1, 200)
    assert same(unseen[::5] - 0.4, unseen).area < 0.3
    assert not is_met(same(unseen[::5] - 0.4, unseen), 0.05)
    assert not is_met(same(unseen[::5] + 0.4, unseen), 0.05)
    assert is_met(same(unseen[::5], unseen), 0.05)


@pytest.mark.parametrize("k", [5, 40])
def test_its_standard_error_is_that_of_draws_and_rows_like_unseen_ones_pass_two_times_in_three(k):
    draw = np.random.default_rng(k)
    found = [same(draw.exponential(size=k), draw.exponential(size=150)) for _ in range(400)]
    areas = np.array([each.area for each in found])
    assert areas.mean() == pytest.approx(0.5, abs=4 * found[0].error / 20)
    assert areas.std() == pytest.approx(found[0].error, rel=0.12)
    assert np.mean([is_met(each, 0.0) for each in found]) == pytest.approx(0.683, abs=0.08)


def test_the_gap_is_within_two_errors_as_often_as_it_should_be():
    draw = np.random.default_rng(0)
    found = [same(draw.normal(size=20), draw.normal(size=60)) for _ in range(400)]
    assert np.mean([abs(each.gap) <= 2 * each.gap_error for each in found]) == pytest.approx(0.95, abs=0.035)
