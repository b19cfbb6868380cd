"""Where numbers go."""

from itertools import combinations

import numpy as np
import pytest

from untrain.reports.html.chart_spec import Axis
from untrain.reports.html.label_placement import MARKER, NEAR, beside, labels, text_size

ROOMS = np.array([[560.0, 340.0], [1040.0, 340.0]])


def boxes(placed, views):
    """Middle and half the size of each label, in each view."""
    return [(views[:, p.point] + [p.right, p.up], np.asarray(text_size(p.text)) / 2) for p in placed]


def overlap(one, other):
    """Whether two boxes lie on each other in any view."""
    return bool((np.abs(one[0] - other[0]) < one[1] + other[1] - 1e-9).all(-1).any())


def numbers(placed):
    """All that the labels list."""
    return [int(n) for p in placed for n in p.text.replace("\n", " ").split(", ")]


@pytest.mark.parametrize("seed", range(40))
def test_no_label_of_sixty_points_lies_on_another_or_on_a_point_and_each_point_is_listed_once(seed):
    rng = np.random.default_rng(seed)
    shares = rng.uniform(0.03, 0.97, (60, 2))
    shares[40:50] = shares[:10]  # coincident
    shares[50:55] = shares[0]  # many on one place
    shares[55:] = shares[20:25] + rng.uniform(-0.01, 0.01, (5, 2))
    views = ROOMS[:, None] * shares
    placed = labels(views, [str(at) for at in range(60)], ROOMS)
    all_boxes = boxes(placed, views)
    assert not any(overlap(one, other) for one, other in combinations(all_boxes, 2))
    points = [(views[:, at], np.full(2, MARKER)) for at in range(60)]
    assert not any(overlap(box, point) for box in all_boxes for point in points)
    assert all((middle - half >= 0).all() and (middle + half <= ROOMS).all() for middle, half in all_boxes)
    assert sorted(numbers(placed)) == list(range(60))
    # What does not coincide has a label of its own, as there is room.
    assert len(placed) > 38
    (shared,) = [p for p in placed if 0 in numbers([p])]
    assert {0, 40, 50, 51, 52, 53, 54} <= set(numbers([shared]))


def test_points_on_the_same_place_share_one_label_in_the_order_of_their_numbers():
    views = np.array([[[300.0, 200.0], [90.0, 50.0], [300.0, 200.0 + 0.9 * NEAR], [300.0, 200.0]]])
    assert [p.text for p in labels(views, ["3", "5", "7", "12"], ROOMS[:1])] == ["3, 7, 12", "5"]
    # Points that coincide in a small window alone keep their own.
    apart = np.stack([views[0], views[0] + [[0.0, 0.0], [0.0, 0.0], [20.0, 0.0], [40.0, 0.0]]])
    assert [p.text for p in labels(apart, ["3", "5", "7", "12"], ROOMS)] == ["3", "5", "7", "12"]


def test_a_long_list_is_broken_into_lines():
    (label,) = labels(np.full((1, 8, 2), 100.0), list("12345678"), ROOMS[:1])
    assert label.text == "1, 2, 3, 4, 5, 6,\n7, 8"


def test_a_number_keeps_off_the_point_beside_it():
    first, _ = labels(np.array([[[200.0, 100.0], [218.0, 100.0]]]), ["1", "2"], ROOMS[:1])
    assert first.right < 0
    assert not first.line


def test_a_label_that_finds_no_room_stands_farther_off_with_a_line():
    crowd = np.array([[[200.0 + 10 * (at % 7), 150.0 + 10 * (at // 7)] for at in range(49)]])
    placed = labels(crowd, [str(at) for at in range(49)], np.array([[500.0, 340.0]]))
    lines = [p for p in placed if p.line]
    assert lines
    assert all(np.hypot(p.right, p.up) > 14 for p in lines)


def test_where_there_is_no_room_at_all_labels_are_merged_until_one_is_left():
    (label,) = labels(np.array([[[10.0, 10.0], [19.0, 10.0], [10.0, 19.0]]]), ["1", "2", "3"], np.array([[25.0, 25.0]]))
    assert label.text == "1, 2, 3"


def test_no_point_has_no_label():
    assert labels(np.zeros((1, 0, 2)), [], ROOMS[:1]) == []


def test_labels_of_a_chart_stand_by_its_points_whatever_its_axes():
    across, up = Axis("x", least=0.1, most=1000.0, log=True), Axis("y", least=0.0, most=10.0)
    made = beside([1.0, 100.0, 1.0], [5.0, 5.0, 5.0], ["1", "2", "3"], across, up, 440)
    assert [(label.text, label.x, label.y) for label in made] == [("1, 3", 1.0, 5.0), ("2", 100.0, 5.0)]
    # On a plain axis the first and the second would coincide.
    assert [label.text for label in beside([1.0, 1.001], [5.0, 5.0], ["1", "2"], across, up, 440)] == ["1, 2"]


@pytest.mark.parametrize("seed", [1, 3, 5, 7, 10, 12, 13])
def test_a_line_to_a_label_crosses_no_label_where_there_is_a_choice(seed):
    # Without a choice by lines, one or more crosses a label in each of these crowds.
    crowd = (np.array([200.0, 170.0]) + np.random.default_rng(seed).normal(size=(25, 2)) * [60.0, 40.0])[None]
    placed = labels(crowd, [str(at) for at in range(25)], ROOMS[:1])
    led = [p for p in placed if p.line]
    assert led
    for p in led:
        along = crowd[0, p.point] + np.linspace(0.1, 0.9, 9)[:, None] * [p.right, p.up]
        others = boxes([q for q in placed if q is not p], crowd)
        assert not any((np.abs(along - middle[0]) < half).all(-1).any() for middle, half in others)


def test_labels_keep_clear_of_upright_lines_unless_a_point_would_lose_its_own():
    axis, sizes = Axis("", "", 0.0, 100.0), ((600, 60), (1200, 60))
    lines = [(53.0, 0.0, 100.0), (20.0, 40.0, 60.0)]
    placed = beside([50.0, 20.0], [50.0, 50.0], ["a name", "b"], axis, axis, 460, sizes, lines)
    assert len(placed) == 2
    for label in placed:
        half, tall = np.asarray(text_size(label.text)) / 2
        for width, _ in sizes:
            across, up = label.x / 100 * width + label.right, label.y / 100 * 400 + label.up
            for x, low, high in lines:
                beyond = up - tall >= high * 4 or up + tall <= low * 4
                assert beyond or abs(across - x / 100 * width) >= half, (label, x)
    free = beside([50.0], [50.0], ["a name"], axis, axis, 460, sizes)
    assert free[0].right > 0, "which is where the line would be"
    everywhere = [(float(x), 0.0, 100.0) for x in range(0, 101, 2)]
    assert len(beside([50.0, 20.0], [50.0, 50.0], ["a name", "b"], axis, axis, 460, sizes, everywhere)) == 2


@pytest.mark.parametrize("seed", range(12))
def test_a_label_beside_its_point_is_nearer_to_it_than_to_others(seed):
    # In 175 of 300 such crowds one stood by another point before.
    points = np.random.default_rng(seed).normal(size=(4, 2)) * [12.0, 12.0] + [150.0, 100.0]
    for one in labels(points[None], list("ABCD"), np.array([[300.0, 200.0]])):
        if not one.line and ", " not in one.text:
            middle, half = points[one.point] + [one.right, one.up], np.asarray(text_size(one.text)) / 2
            assert np.maximum(np.abs(points - middle) - half, 0).max(1).argmin() == one.point
