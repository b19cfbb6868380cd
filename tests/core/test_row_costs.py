"""Operations on rows follow from a few measured widths, or are not told."""

import pytest

from untrain.core.row_costs import RowCosts


def cost(width):
    return 700.0 * width + 30.0 * width**2 + 11.0


def one(width):
    return ((width,), (width,))


def two(left, right):
    return ((8, ((left,), (left,))), (4, ((right,), (right,))))


def learned(widths, each=cost):
    costs = RowCosts()
    for width in widths:
        costs.learn(one(width), each(width))
    return costs


def test_three_widths_say_nothing_before_a_fourth_agrees():
    assert learned((20, 30, 40)).expected(one(25)) is None
    assert learned((20, 30, 40, 35)).expected(one(25)) == pytest.approx(cost(25), rel=1e-9)


def test_a_width_far_from_all_measured_ones_is_not_told():
    assert learned((20, 30, 40, 35)).expected(one(4000)) is None


def test_what_is_no_quadratic_is_never_told():
    costs = learned((20, 30, 40, 35, 25, 33), each=lambda width: float(width**4))
    assert costs.expected(one(31)) is None


@pytest.mark.parametrize(
    "each", [lambda a, b: (8 * cost(a) + 2 * 4 * cost(b)) / 12, lambda a, b: cost(max(a, b))], ids=["apart", "joined"]
)
def test_two_batches_that_are_computed_apart_or_joined(each):
    costs, pairs = RowCosts(), [(20 + 7 * a % 23, 20 + 11 * a % 19) for a in range(1, 13)]
    for pair in pairs:
        costs.learn(two(*pair), each(*pair))
    for pair in ((25, 30), (31, 24)):
        assert costs.expected(two(*pair)) == pytest.approx(each(*pair), rel=1e-6)


@pytest.mark.parametrize("shape", [None, 7, ((3, 8, 8), ()), ((5,), ()), ((16, ((5,), ())), (4, ((6,), ())))])
def test_images_and_tables_are_left_alone(shape):
    costs = RowCosts()
    for _ in range(9):
        costs.learn(shape, 5.0)
    assert costs.expected(shape) is None
