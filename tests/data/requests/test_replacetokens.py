"""Requests that replace tokens: which rows, with what, and where."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import RequestError, SpecError
from untrain.data.examples import Examples
from untrain.data.ragged import PAD, Ragged
from untrain.data.requests.resolve import remaining, request


@pytest.fixture
def texts():
    ids = [[5, 6, 7], [8], [7, 7, 5, 9], [6]]
    labels = [[PAD, 6, 7], [PAD], [PAD, PAD, 5, 9], [6]]
    return Examples({"input_ids": Ragged.of(ids), "labels": Ragged.of(labels)}, np.arange(10, 14))


def rows_of(column):
    return [row.tolist() for row in column.rows()]


def test_inputs_and_targets_change_and_what_is_not_scored_stays_so(texts):
    forget = request(texts, ut.ReplaceTokens(tokens=(5, 7), fill=(7, 0)))  # 5 becomes 7, and stays it
    assert forget.ids == (10, 12)
    assert rows_of(forget.replacement.x) == [[7, 6, 0], [0, 0, 7, 9]]
    assert rows_of(forget.replacement.y) == [[PAD, 6, 0], [PAD, PAD, 7, 9]]
    left = remaining(texts, forget)
    assert sorted(left.ids.tolist()) == [10, 11, 12, 13]
    assert isinstance(left.x, Ragged)


def test_with_rows_only_these_change_and_held_out_data_stay(texts):
    some, everywhere = (ut.ReplaceTokens(tokens=(6,), fill=1, rows=rows) for rows in (ut.Ids(ids=(13, 11)), None))
    assert request(texts, some).ids == (13,)
    assert request(texts, everywhere).ids == (10, 13)
    tested = [rows_of(by.everywhere(texts, request(texts, by).replacement).x) for by in (some, everywhere)]
    assert tested == [[[5, 6, 7], [8], [7, 7, 5, 9], [6]], [[5, 1, 7], [8], [7, 7, 5, 9], [1]]]


def test_labels_that_are_classes_stay():
    data = Examples({"x": Ragged.of([[5, 1], [2]]), "y": torch.tensor([5, 1])}, np.arange(2), tuple("abcdef"))
    forget = request(data, ut.ReplaceTokens(tokens=(5,), fill=0))
    assert (rows_of(forget.replacement.x), forget.replacement.y.tolist()) == ([[0, 1]], [5])


def test_a_row_of_no_tokens_is_not_drawn(texts):
    empty = replace(texts, fields={"x": Ragged.of([[], [5], []])}, ids=np.arange(3))
    assert request(empty, ut.ReplaceTokens(tokens=(5,), fill=0)).rows == (1,)


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"tokens": (5, 6), "fill": (1,)}, RequestError, "2 tokens and 1 fills"),
        ({"tokens": (4,), "fill": 1}, RequestError, "changes nothing: none of 4"),
        ({"tokens": (5,), "fill": 5}, RequestError, "changes nothing"),
        ({"tokens": (), "fill": 1}, SpecError, "list each token once"),
        ({"tokens": (5, 5), "fill": 1}, SpecError, "list each token once"),
        ({"tokens": (5,), "fill": 1, "rows": ut.Relabel(ids=(1,), labels=1)}, SpecError, "corrects examples itself"),
    ],
)
def test_what_cannot_be_replaced_is_refused(texts, fields, error, said):
    with pytest.raises(error, match=said):
        request(texts, ut.ReplaceTokens(**fields))


def test_rows_of_numbers_have_no_tokens():
    with pytest.raises(RequestError, match="take ReplaceFeatures"):
        request(ut.examples([[0.0], [1.0]], [0, 1]), ut.ReplaceTokens(tokens=(1,), fill=0))
