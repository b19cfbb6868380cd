"""Fields of lines of JSON besides their texts: ids, owners and further columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from untrain.core.errors import DataError

Array = np.ndarray[Any, Any]
Records = Sequence[dict[str, Any]]
NAMES = ("id", "owner")


class Named(NamedTuple):
    """Of n records: an id each, whose each is where they say so, and all else that every record has, by name."""

    ids: Array
    owner: Array | None
    columns: dict[str, Array]


def named(records: Records, texts: Sequence[str], path: str) -> Named:
    """Ids, or else lines counted from 0; owners; and columns of texts or of numbers.

    >>> named([{"text": "a", "year": 1990}, {"text": "b", "year": 1991}], ["text"], "a.jsonl").columns
    {'year': array([1990, 1991])}

    Args:
        records: n of them.
        texts: names of what is read as text, which are not columns.
        path: of their file, for messages.

    Raises:
        DataError: some records have no id or owner and others have, they are of several kinds, or numbers are not whole.
    """
    columns = {name: column for name in records[0] if name not in texts and (column := _column(records, name)) is not None}
    ids, owner = (_names(records, name, columns.pop(name, None), path) for name in NAMES)
    return Named(np.arange(len(records)) if ids is None else ids, owner, columns)


def _names(records: Records, name: str, column: Array | None, path: str) -> Array | None:
    some = next((at for at, record in enumerate(records, 1) if name in record), None)
    if some is not None and (column is None or column.dtype.kind not in "iU"):
        raise DataError(f"record {some} of {path!r} has an {name!r}: give all records one, all texts or all whole numbers, or none")
    return column


def _column(records: Records, name: str) -> Array | None:
    """The values of all records under a name, (n,), where they are all texts or all numbers."""
    values = [record.get(name) for record in records]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return np.array(values) if numbers or all(isinstance(v, str) for v in values) else None
