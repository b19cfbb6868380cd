"""Where numbers go."""

import numpy as np

from untrain.reports.html.label_placement import SIDES, sides


def test_points_on_the_same_place_get_different_sides():
    same = np.zeros(len(SIDES))
    assert set(sides(same, same, 1.0, 1.0)) == set(SIDES)


def test_a_number_keeps_off_the_point_beside_it():
    assert sides(np.array([0.0, 20.0]), np.zeros(2), 640.0, 340.0)[0].endswith("left")


def test_a_single_point_can_be_placed():
    assert sides(np.zeros(1), np.zeros(1), 0.0, 0.0) == ["middle right"]
