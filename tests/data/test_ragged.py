"""Rows of several lengths: padded when a batch is cut, and nowhere else."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from untrain.data.ragged import PAD, Ragged, padded

ROWS = st.lists(st.lists(st.integers(0, 99), max_size=6), min_size=1, max_size=8)


@given(ROWS, st.data())
def test_rows_are_taken_joined_and_given_back_as_they_are(rows, data):
    at = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6))
    made = Ragged.of(rows)
    some = made.take(np.array(at, dtype=np.int64))
    assert [row.tolist() for row in made.rows()] == rows
    assert [row.tolist() for row in some.rows()] == [rows[i] for i in at]
    assert [row.tolist() for row in Ragged.cat([made, some]).rows()] == [*rows, *(rows[i] for i in at)]


@given(ROWS)
def test_a_batch_is_padded_to_its_longest_row(rows):
    cut = Ragged.of(rows)[:]
    assert cut.shape == (len(rows), max(map(len, rows)))
    assert [[token for token in row if token != PAD] for row in cut.tolist()] == rows


def test_parts_of_a_batch_are_padded_to_the_longest_of_all():
    parts = [torch.tensor([[1, 2]]), torch.tensor([[3]])]
    assert padded(parts).tolist() == [[1, 2], [3, PAD]]
    assert padded([torch.tensor([1]), torch.tensor([2])]).tolist() == [1, 2]


@pytest.mark.parametrize("at", [torch.tensor([1, 0]), np.array([1, 0]), [1, 0]])
def test_rows_are_asked_for_in_any_order(at):
    assert Ragged.of([[5], [6, 7]])[at].tolist() == [[6, 7], [5, PAD]]
