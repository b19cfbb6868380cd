"""Tables as users hold them: named columns of any kind, before anyone says which are inputs, labels and ids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from untrain.core.errors import DataError

Array = np.ndarray[Any, Any]
WHOLE = re.compile(r"[+-]?(0|[1-9]\d{0,17})", re.ASCII)
FRACTION = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|[+-]?inf", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class ColumnTable:
    """Rows of a source, column by column.

    Args:
        kind: of the source, such as 'CSV file'.
        source: its name in messages.
        columns: values by name, (n, ...); images and lists that differ in shape are arrays of objects (n,). One of inputs may be a
            sparse matrix of scipy.
        names: names of the classes that a column of whole numbers counts, by the name of the column.
        images: names of the columns that hold images.
        empty: number of empty cells, by the name of the column; columns without any are left out.
        notes: on how it was read.
        index: name of the column that names rows beside their data, as the index of a data frame does; empty where none does.
    """

    kind: str
    source: str
    columns: Mapping[str, Array]
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    empty: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    index: str = ""

    def __len__(self) -> int:
        return int(next(iter(self.columns.values())).shape[0]) if self.columns else 0

    def type_of(self, name: str) -> str:
        """Describe the values of a column in a word or two."""
        column = self.columns[name]
        if name in self.names:
            return f"{len(self.names[name])} named classes"
        if name in self.images:
            return "images" if column.dtype == object else f"images {'x'.join(map(str, column.shape[1:]))}"
        if column.dtype == object:
            return "lists of several lengths" if len(column) and isinstance(column[0], list | np.ndarray) else "mixed"
        word = {"U": "text", "b": "true or false", "M": "dates", "i": "whole numbers", "u": "whole numbers", "f": "numbers"}
        inner = f" {'x'.join(map(str, column.shape[1:]))}" if column.ndim > 1 else ""
        sparse = "sparse " if not isinstance(column, np.ndarray) else ""
        return sparse + word.get(column.dtype.kind, str(column.dtype)) + inner


def typed(words: Sequence[str]) -> tuple[Array, int]:
    """Cells of a text table in the plainest type that holds all, and how many are empty; 007 stays text.

    >>> typed(["1", "2"])[0].tolist(), typed(["007", "7"])[0].tolist(), typed(["1.5", ""])
    ([1, 2], ['007', '7'], (array([1.5, nan]), 1))
    """
    there = [word for word in words if word]
    empty = len(words) - len(there)
    if there and all(map(WHOLE.fullmatch, there)):
        return (np.array(list(map(int, words))), 0) if not empty else (np.array([float(w) if w else np.nan for w in words]), empty)
    if there and all(map(FRACTION.fullmatch, there)) and not any(_has_leading_zero(word) for word in there):
        return np.array([float(word) if word else np.nan for word in words]), empty
    return np.array(words, dtype=str), empty


def _has_leading_zero(word: str) -> bool:
    """Return whether a number begins with a zero that only text keeps, as ids have it."""
    return re.match(r"[+-]?0\d", word) is not None


def held(name: str, cells: Sequence[Any]) -> tuple[Array, int]:
    """Cells of records in one array, and how many are empty: numbers, text, truth values, or lists of numbers.

    >>> held("age", [3, None, 5])
    (array([ 3., nan,  5.]), 1)

    Raises:
        DataError: they are of a kind that no column holds.
    """
    empty = sum(cell is None for cell in cells)
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {str}:
        return np.array([cell or "" for cell in cells], dtype=str), empty
    if kinds == {bool}:
        return np.array([bool(cell) for cell in cells]), empty
    if kinds <= {int, float} or (kinds <= {int, float, bool} and kinds != {bool}):
        if not empty and kinds == {int} and all(abs(cell) < 2**63 for cell in cells):
            return np.array(cells, dtype=np.int64), 0
        return np.array([np.nan if cell is None else float(cell) for cell in cells]), empty
    if kinds == {list} and not empty:
        try:
            made = np.array(cells)
        except ValueError:
            return _objects(cells), 0
        return (made, 0) if made.dtype.kind in "biuf" else (_objects(cells), 0)
    if kinds <= {str, int, float, bool}:
        return np.array(["" if cell is None else str(cell) for cell in cells], dtype=str), empty
    raise DataError(
        f"column {name!r} holds {', '.join(sorted(kind.__name__ for kind in kinds))}: numbers, text or lists are needed"
    )


def _objects(cells: Sequence[Any]) -> Array:
    made = np.empty(len(cells), dtype=object)
    made[:] = [np.asarray(cell) for cell in cells]
    return made


def stacked(arrays: Sequence[Array]) -> Array:
    """Arrays of one shape as one, of several shapes as objects.

    >>> stacked([np.zeros((1, 2)), np.zeros((1, 3))]).dtype
    dtype('O')
    """
    if len({array.shape for array in arrays}) == 1:
        return np.stack(arrays)
    made = np.empty(len(arrays), dtype=object)
    made[:] = arrays
    return made
