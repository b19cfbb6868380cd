"""Which rows go where."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from untrain.data.splits import balanced, stratified

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


@given(LABELS, st.integers(0, 3))
def test_parts_share_no_row_and_leave_none_out(y, seed):
    parts = stratified(y, (0.7, 0.1, 0.2), seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(y)))


@given(LABELS)
def test_each_class_is_cut_in_the_shares_to_within_one_row(y):
    first, _ = stratified(y, (0.5, 0.5), 0)
    assert all(abs((y[first] == label).sum() - (y == label).sum() / 2) <= 1 for label in set(y.tolist()))


@given(LABELS, st.integers(1, 60))
def test_a_class_gives_fewer_than_another_only_when_it_has_no_more(y, size):
    rows = balanced(y, size, 0)
    assert len(set(rows.tolist())) == len(rows) == min(size, len(y))
    given_, held = np.bincount(y[rows], minlength=5), np.bincount(y, minlength=5)
    assert all(given_[label] == held[label] or given_[label] >= given_.max() - 1 for label in range(5))


def test_the_seed_is_all_that_a_draw_depends_on():
    y = np.arange(40) % 4
    assert balanced(y, 8, 0).tolist() == balanced(y, 8, 0).tolist() != balanced(y, 8, 1).tolist()
