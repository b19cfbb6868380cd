"""What choices have in common, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrain.maths.set_overlap import alike, by_chance, shared

A = np.array([1, 1, 0, 0, 1], dtype=bool)


@pytest.mark.parametrize(
    ("other", "value"), [([1, 1, 0, 0, 1], 1.0), ([0, 0, 1, 1, 0], 0.0), ([1, 0, 1, 0, 1], 0.5), ([0, 0, 0, 0, 0], 0.0)]
)
def test_intersection_over_union(other, value):
    assert shared(A, np.array(other, dtype=bool)) == value


def test_two_empty_choices_have_no_overlap_to_tell():
    assert shared(~A & A, ~A & A) is None
    assert by_chance([0], [0], [4]) is None
    assert alike([0, 0], [1, 2]) is None


def test_two_choices_of_thirty_percent_overlap_by_chance_as_the_specification_says():
    assert by_chance([300], [300], [1000]) == pytest.approx(0.1765, abs=5e-5)


def test_parts_that_both_fill_overlap_by_necessity():
    assert by_chance([10, 0], [10, 0], [10, 90]) == 1


def test_chance_is_the_mean_over_draws():
    draw = np.random.default_rng(0)
    sizes, one, other = (400, 600), (100, 30), (200, 300)

    def mask(counts):
        return np.concatenate([draw.permutation(n) < k for n, k in zip(sizes, counts, strict=True)])

    found = [shared(mask(one), mask(other)) for _ in range(300)]
    # The standard error is 0.0008.
    assert float(np.mean(found)) == pytest.approx(by_chance(one, other, sizes), abs=0.004)


def test_only_shares_by_part_count_for_likeness():
    assert alike([3, 1], [30, 10]) == pytest.approx(1)
    assert alike([4, 0], [0, 7]) == 0
    assert alike([3, 1], [1, 1]) == pytest.approx(0.75)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20))
def test_overlap_is_symmetric_and_a_share(pairs):
    one, other = (np.array(column) for column in zip(*pairs, strict=True))
    value = shared(one, other)
    assert value == shared(other, one)
    assert value is None or 0 <= value <= 1


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_packed_choices_have_in_common_what_the_choices_have(pairs):
    one, other = (np.array(side, dtype=bool) for side in zip(*pairs, strict=True))
    assert shared(np.packbits(one), np.packbits(other)) == shared(one, other)
