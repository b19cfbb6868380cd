"""Columns by name, and batches that know which rows they are."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from untrain.core.errors import DataError
from untrain.data.augmentations.horizontalflip import HorizontalFlip
from untrain.data.examples import Batch, Examples, batch_of, joined, take, walk
from untrain.data.ragged import PAD, SPANS, Ragged
from untrain.training.descend import pieces


def numbered(n, first=0):
    """Examples whose input is their number."""
    rows = torch.arange(first, first + n)
    return Examples.labelled(rows[:, None].float(), rows % 3, rows.numpy(), 3)


def texts(*rows):
    """Rows of tokens that are their own targets."""
    return Examples({"tokens": Ragged.of(rows), "labels": Ragged.of(rows)}, np.arange(len(rows)))


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 5))
def test_a_walk_meets_each_row_once_and_a_batch_knows_its_rows(n, size, seed):
    examples = numbered(n, first=100)
    batches = list(walk(examples, size, np.random.default_rng(seed)))
    assert sorted(torch.cat([b.rows for b in batches]).tolist()) == list(range(n))
    for batch in batches:
        assert batch.rows.dtype == torch.int64
        assert batch.x[:, 0].tolist() == (batch.rows + 100).tolist()
        assert batch.y.tolist() == ((batch.rows + 100) % 3).tolist()


def test_an_augmented_walk_knows_its_rows_and_changes_inputs_alone():
    x = torch.arange(24.0).reshape(6, 1, 2, 2)
    examples = Examples.labelled(x, torch.arange(6), np.arange(6), 6)
    changed = 0
    for batch in walk(examples, 4, np.random.default_rng(0), (HorizontalFlip(),)):
        assert torch.equal(batch.y, batch.rows)
        assert torch.equal(batch.x.sort(-1).values, x[batch.rows])
        changed += int((batch.x != x[batch.rows]).flatten(1).any(1).sum())
    assert 0 < changed < 6


@given(st.integers(1, 30), st.integers(1, 8))
def test_pieces_of_a_batch_know_their_rows_and_put_together_are_the_batch(n, count):
    batch = batch_of(numbered(30), np.random.default_rng(n).permutation(30)[:n])
    parts = [piece[0] for _, piece in pieces([batch], count)]
    for part in parts:
        assert part.x[:, 0].tolist() == part.rows.tolist()
    whole = Batch.cat(parts)
    assert torch.equal(whole.rows, batch.rows)
    assert all(torch.equal(whole.fields[name], value) for name, value in batch.fields.items())


def test_batches_of_tokens_put_together_are_padded_to_the_longest_and_know_their_rows():
    examples = texts([1], [2, 3, 4], [5, 6])
    both = Batch.cat([batch_of(examples, np.array([0])), batch_of(examples, np.array([2, 1]))])
    assert both.rows.tolist() == [0, 2, 1]
    assert both.x.tolist() == [[1, PAD, PAD], [5, 6, PAD], [2, 3, 4]]


def test_other_targets_leave_inputs_and_rows():
    batch = batch_of(numbered(5), np.array([3, 1]))
    changed = batch.with_targets(torch.tensor([2, 2]))
    assert changed.rows is batch.rows
    assert changed.x is batch.x
    assert changed.y.tolist() == [2, 2]
    assert batch.y.tolist() == [0, 1]
    assert batch.with_fields(side=torch.ones(2)).target == "side"


def test_the_first_field_is_the_input_and_the_last_the_target_whatever_their_names():
    examples = texts([1], [2, 3])
    assert (len(examples), examples.target, examples.classes) == (2, "labels", 0)
    assert examples.x is examples.fields["tokens"]
    assert batch_of(examples, np.arange(2)).y.tolist() == [[1, PAD], [2, 3]]


def test_hidden_targets_are_asked_for_in_vain_and_hidden_once():
    hidden = numbered(4).without_targets()
    for part in (hidden, batch_of(hidden, np.arange(2))):
        assert list(part.fields) == ["x"]
        with pytest.raises(DataError, match="these examples have no targets: a method that takes them names 'labels' in its needs"):
            _ = part.y
    assert list(hidden.without_targets().fields) == ["x"]
    assert hidden.classes == 3


def test_spans_are_labels_of_some_tokens_and_hidden_with_them():
    marked = Examples({"tokens": Ragged.of([[1, 2]]), SPANS: Ragged.of([[PAD, 2]]), "labels": Ragged.of([[1, 2]])}, np.arange(1))
    assert list(marked.without_targets().fields) == ["tokens"]


def test_true_targets_are_hidden_with_the_others():
    noisy = Examples.labelled(torch.zeros(2, 1), torch.tensor([0, 1]), np.arange(2), 2, true=torch.tensor([1, 1]))
    assert noisy.without_targets().true is None


def test_rows_that_are_taken_take_all_that_belongs_to_them():
    examples = Examples(
        numbered(4).fields, np.array(list("abcd")), ("0", "1", "2"), torch.tensor([3, 2, 1, 0]),
        {"year": np.array([10, 11, 12, 13])}, np.array(["ann", "bob", "ann", "cy"]),
    )  # fmt: skip
    some = take(examples, np.array([2, 0]))
    assert some.x[:, 0].tolist() == [2, 0]
    assert some.ids.tolist() == ["c", "a"]
    assert some.true.tolist() == [1, 3]
    assert some.columns["year"].tolist() == [12, 10]
    assert some.owner.tolist() == ["ann", "ann"]


def test_sets_of_tokens_one_after_the_other_stay_as_they_are():
    both = joined(texts([1], [2, 3]), texts([4, 5, 6]))
    assert isinstance(both.x, Ragged)
    assert [len(row) for row in np.split(both.x.values.numpy(), both.x.starts[1:-1])] == [1, 2, 3]
    assert both.x[:].tolist() == [[1, PAD, PAD], [2, 3, PAD], [4, 5, 6]]
