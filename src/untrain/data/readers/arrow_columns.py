"""Columns of an Arrow table to arrays that keep their type; empty cells are refused where needed, and reported elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow
from pyarrow import compute, types

from untrain.core.errors import DataError
from untrain.core.metering import add_note
from untrain.data.readers.damage import check_room, reading
from untrain.data.readers.plain_columns import plain_column

Array = np.ndarray[Any, Any]
EXACT, PIXELS = 2**53, 64  # numbers that floats with empty cells still hold; values of a row from which it may be an image
CELLS = (str, bool, int, float, type(None))


def needed(column: Any, name: str, source: str) -> Array:
    """A column that is needed, without empty cells.

    Raises:
        DataError: cells are empty, or its text does not fit into memory.
    """
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise DataError(f"{source}: column {name!r} has {column.null_count} empty cells, the first in row {row}")
    with reading(f"{source}: column {name!r} cannot be read"):
        array = _plain(column, name)
    if array.dtype.kind == "O":
        raise DataError(f"{source}: column {name!r} holds {column.type}, which is neither numbers, text nor dates")
    return array


def optional(column: Any, name: str, source: str) -> Array | None:
    """A column that may be read later: empty cells stay empty, and a note counts them; None where it has no plain values."""
    try:
        array = _plain(column, name)
    except (ValueError, MemoryError, pyarrow.ArrowException) as error:
        add_note(f"{source}: column {name!r} is not read: {' '.join(str(error).split())[:200]}")
        return None
    if array.dtype == object and not all(isinstance(cell, CELLS) for cell in array):
        add_note(f"{source}: column {name!r} holds {column.type}, which is neither numbers, text nor dates, and is not read")
        return None
    if column.null_count:
        add_note(f"{source}: {column.null_count} of {len(column)} cells of column {name!r} are empty")
    if types.is_timestamp(column.type) and column.type.tz not in (None, "UTC"):
        add_note(f"{source}: the times of {name!r}, of {column.type.tz}, are read as those of UTC")
    return array


def _plain(column: Any, name: str) -> Array:
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind):
        lengths = compute.utf8_length(column)
        longest, total = (compute.max(lengths).as_py() or 0), (compute.sum(lengths).as_py() or 0)
        check_room(4 * longest * len(column), total, f"shorten the longest text, of {longest:,} characters")
    elif types.is_integer(kind) and column.null_count and _beyond(column):
        return np.array(column.to_pylist(), dtype=object)
    return plain_column(name, np.asarray(column.to_numpy()))


def _beyond(column: Any) -> bool:
    ends = compute.min_max(column).as_py()
    return any(end is not None and abs(end) > EXACT for end in ends.values())


def numbers(column: Any, name: str, source: str) -> Array:
    """A column of numbers (n, 1), or of lists of numbers, however deep, (n, ...), in the type that they are stored in.

    Raises:
        DataError: cells are empty, lists differ in length, or they do not hold numbers.
    """
    with reading(f"{source}: column {name!r} cannot be read as numbers"):
        parts = [_dense(chunk, name, source) for chunk in column.chunks if len(chunk)]
    if not parts or any(part.shape[1:] != parts[0].shape[1:] for part in parts):
        raise DataError(f"{source}: the lists in column {name!r} differ in length")
    array = np.concatenate(parts)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{source}: column {name!r} does not hold numbers but {column.type}")
    wide = array.dtype.kind in "iu" and array.dtype != np.uint8 and array[0].size >= PIXELS
    if wide and array.min() >= 0 and 1 < array.max() <= 255:
        add_note(
            f"{source}: column {name!r} holds whole numbers up to {array.max()} as {array.dtype}, which are read as they are; "
            "if they are pixels, store them as uint8, which is divided by 255"
        )
    return array[:, None] if array.ndim == 1 else array


def _dense(chunk: Any, name: str, source: str) -> Array:
    array, shape = chunk, [len(chunk)]
    while True:
        array = array.storage if isinstance(array, pyarrow.ExtensionArray) else array
        if array.null_count:
            raise DataError(f"{source}: column {name!r} has {array.null_count} empty cells")
        if not (types.is_list(array.type) or types.is_large_list(array.type) or types.is_fixed_size_list(array.type)):
            break
        ends = compute.min_max(compute.list_value_length(array)).as_py()
        if ends["min"] != ends["max"]:
            raise DataError(f"{source}: the lists in column {name!r} differ in length")
        shape.append(ends["max"] or 0)
        array = array.flatten()
    return np.asarray(array.to_numpy(zero_copy_only=False)).reshape(shape)
