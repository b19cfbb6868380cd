"""Inputs of a user's data in the form that a model takes them: after a transform, or as tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from untrain.core.errors import DataError
from untrain.core.foreign import foreign
from untrain.core.metering import add_note
from untrain.data.examples import Column, Examples, unit_scaled
from untrain.data.ragged import Ragged
from untrain.data.readers.pairs import array_or_file
from untrain.data.readers.question_answer import tokenizers_library
from untrain.data.understood import Understood

Array = np.ndarray[Any, Any]
ASKED_TWICE = 8  # rows that are changed a second time, to find out whether chance plays a part


def tokens_of(data: Understood, tokenizer: str, length: int) -> Ragged:
    """The texts of data as rows of tokens, by the tokenizer of a file or folder, with what it puts before and behind a text.

    Args:
        data: whose inputs are texts.
        tokenizer: folder with tokenizer.json, or that file.
        length: most tokens of a row; longer ones are cut, and a note counts them.

    Raises:
        DataError: inputs are not texts, the tokenizer cannot be read, or a text has no token.
    """
    if data.roles.kind != "text":
        kind = data.roles.kind or "none"
        raise DataError(f"{data.table.source}: the model takes texts, and inputs are {kind}: name the column of texts, --x COLUMN")
    library = tokenizers_library()
    cut = library.load(tokenizer)
    texts = data.inputs.tolist()
    whole = [len(each.ids) for each in cut.encode_batch(texts)]
    cut.enable_truncation(length)
    rows = [each.ids for each in cut.encode_batch(texts)]
    empty = [at for at, row in enumerate(rows) if not row]
    if empty:
        raise DataError(f"{data.table.source}: {len(empty)} texts have no token, the first in row {empty[0]}: drop empty texts")
    if longer := sum(count > length for count in whole):
        add_note(f"{longer} of {len(whole)} texts of {data.table.source} are cut to {length} tokens; --length changes that")
    return Ragged.of(rows)


def vocabulary_of(tokenizer: str) -> int:
    """Number of tokens that a tokenizer knows.

    Raises:
        DataError: it cannot be read.
    """
    return int(tokenizers_library().load(tokenizer).get_vocab_size())


def token_examples(
    data: Understood, rows: Column, names: Sequence[str], outputs: int | None, pieces: tuple[str, ...] = ()
) -> Examples:
    """Examples of rows of tokens, with all that is known of the data besides; their texts are the column 'text'."""
    made = data.examples(names, outputs, x=np.zeros((len(data), 1), dtype=np.float32))
    columns = dict(made.columns)
    if data.roles.kind == "text":
        columns["text"] = data.inputs
    return replace(made, fields={"input_ids": rows, "y": made.y}, columns=columns, features=(), pieces=pieces)


def _cell(row: Array) -> torch.Tensor:
    """A row as networks get it."""
    return unit_scaled(torch.from_numpy(np.array(row)))


def transformed(data: Understood, change: Callable[[Any], Any]) -> Array | Ragged:
    """Inputs after a function of the user, row by row: arrays of one shape, or rows of tokens.

    Args:
        data: whose inputs are changed.
        change: takes one row, a tensor or a text, and returns an array, a tensor or a list; pixels reach it in [0, 1].

    Raises:
        DataError: it returns something else, rows of several shapes, or another result for the same row.
    """
    name = getattr(change, "__qualname__", type(change).__name__)
    cells = data.inputs.tolist() if data.roles.kind == "text" else [_cell(row) for row in array_or_file(data.inputs, "x")]
    with foreign(f"transform={name}", draws=True):
        arrays = [np.atleast_1d(array_or_file(change(each), "x")) for each in cells]
        again = [np.atleast_1d(array_or_file(change(each), "x")) for each in cells[:ASKED_TWICE]]
    if not all(a.shape == b.shape and bool((a == b).all()) for a, b in zip(arrays, again, strict=False)):
        raise DataError(f"transform={name} gives another result for the same row: leave random changes out of it")
    if data.roles.kind == "text" and all(each.ndim == 1 and each.dtype.kind in "iu" for each in arrays):
        return Ragged.of([each.tolist() for each in arrays])
    shapes = sorted({each.shape for each in arrays})
    if len(shapes) > 1:
        raise DataError(f"transform={name} gives rows of shapes {shapes[0]} and {shapes[1]}: all need one")
    return np.stack(arrays)
