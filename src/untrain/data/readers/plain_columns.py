"""Columns as users hold them, to plain arrays: text, dates, truth values, whole numbers of up to 64 bits."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.core.metering import add_note
from untrain.data.readers.held_arrays import array_of, is_empty

Array = np.ndarray[Any, Any]


def held_column(name: str, values: Any) -> Array:
    """Return the column that somebody holds, one value per row: a list keeps what its cells are.

    NumPy joins the cells of a list in one type, in which whole numbers lose digits, truth values become numbers, and empty
    cells text. Cells that differ so stay objects.

    >>> held_column("ids", [2**63 + 5, 3])
    array([9223372036854775813,                   3], dtype=uint64)
    >>> held_column("town", ["a", float("nan")])
    array(['a', nan], dtype=object)

    Raises:
        DataError: as of ``array_of`` and ``plain_column``.
    """
    if isinstance(values, list | tuple) and values and not _is_joined_exactly(values):
        array = np.empty(len(values), dtype=object)
        array[:] = values
    else:
        array = array_of(values, name)
    return plain_column(name, array)


def _is_joined_exactly(cells: Sequence[Any]) -> bool:
    """Return whether NumPy makes an array of some cells that holds what they are."""
    kinds = {type(cell) for cell in cells}
    if any(hasattr(kind, "__array__") and not issubclass(kind, np.generic) for kind in kinds) or kinds & {list, tuple}:
        return True  # rows, whose shape is refused where one value is needed
    if len(kinds) == 1:
        return not issubclass(next(iter(kinds)), str | int)
    if not all(issubclass(kind, Real) and not issubclass(kind, bool) for kind in kinds):
        return False
    whole = [int(cell) for cell in cells if isinstance(cell, int | np.integer)]
    return len(whole) < len(cells) and all(int(float(number)) == number for number in whole)


def plain_column(name: str, column: Array) -> Array:
    """A column without Python objects where each has a plain type; others stay, and are refused where they are used.

    Text of data frames, categories and Parquet becomes NumPy text, dates and times become dates of NumPy, times with a zone
    those of UTC, which a note says.

    >>> plain_column("clinic", np.array(["north", "east"], dtype=object)).dtype.kind
    'U'
    >>> plain_column("day", np.array([datetime.date(2020, 1, 31)], dtype=object))
    array(['2020-01-31'], dtype='datetime64[D]')

    Raises:
        DataError: a text ends in a null byte, which NumPy would drop.
    """
    if column.dtype.kind == "T":
        column = column.astype(object)
    if column.dtype.kind == "S":
        return _decoded(column)
    if column.dtype != object or not len(column):
        return column
    kinds = {type(value) for value in column}
    if all(issubclass(kind, str) for kind in kinds):
        ends = next((value for value in column if value.endswith("\0")), None)
        if ends is not None:
            raise DataError(f"{name} hold {ends[:40]!r}, which ends in a null byte: NumPy drops it, so that two may become one")
        return column.astype(str)
    if all(issubclass(kind, bool | np.bool_) for kind in kinds):
        return column.astype(bool)
    if all(issubclass(kind, int | np.integer) and not issubclass(kind, bool) for kind in kinds):
        return whole_numbers(column)
    if all(issubclass(kind, datetime.datetime) for kind in kinds):
        return _times(name, column)
    if all(issubclass(kind, datetime.date) and not issubclass(kind, datetime.datetime) for kind in kinds):
        return column.astype("datetime64[D]")
    return column


def _decoded(column: Array) -> Array:
    try:
        return np.char.decode(column, "utf-8")
    except UnicodeDecodeError:
        return column


def whole_numbers(column: Array) -> Array:
    """Python's whole numbers as those of 64 bits, signed where all fit, else unsigned; as they are where neither holds all."""
    low, high = min(map(int, column.flat)), max(map(int, column.flat))
    if low >= -(2**63) and high < 2**63:
        return column.astype(np.int64)
    return column.astype(np.uint64) if low >= 0 and high < 2**64 else column


def _times(name: str, column: Array) -> Array:
    zones = {value.tzinfo is not None and value.utcoffset() is not None for value in column if value == value}
    if zones == {True, False}:
        return column  # local times and such with a zone have no order
    if zones == {True}:
        add_note(f"the times of {name!r} are read as those of UTC")
        column = np.array([value.astimezone(datetime.UTC).replace(tzinfo=None) for value in column], dtype=object)
    return column.astype("datetime64[ns]" if hasattr(column[0], "nanosecond") else "datetime64[us]")


def empty_cells(column: Array) -> int:
    """The number of cells of a column that hold nothing: None, NaN, or no time."""
    if column.dtype.kind in "fmM":
        return int((column != column).sum())
    return sum(map(is_empty, column)) if column.dtype == object else 0
