"""The request that makes one data set of another."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from untrain.core.errors import RequestError
from untrain.data.examples import Examples, take
from untrain.data.fingerprint import request_digest, rows_of
from untrain.data.requests.base import ForgetSet

Array = np.ndarray[Any, Any]


def difference(before: Examples, after: Examples, fields: Collection[str] | None = None) -> ForgetSet:
    """Rows that are others in data that were corrected somewhere else, with what comes in their place, as ``problem`` takes it.

    Of the windows of a text each that overlaps a changed character is another one, and so is the one before them, whose next
    character changes:

    >>> from untrain.data.readers.text_windows import text_windows
    >>> old, new = (text_windows(text, 3, "abcdef01") for text in ("abcd0efabc", "abcd1efabc"))
    >>> difference(old, new).rows, difference(old, new, fields=("x",)).rows
    ((1, 2, 3, 4), (2, 3, 4))

    Args:
        before: the training data.
        after: the same rows, corrected.
        fields: of which a change counts, such as ``('x',)`` for inputs alone; None for all.

    Raises:
        RequestError: ids or names of fields differ, there is no such field, or nothing changed.
    """
    if len(before) != len(after) or not np.array_equal(before.ids, after.ids) or before.fields.keys() != after.fields.keys():
        raise RequestError("rows before and after have to be the same: give data of the same ids and fields, in the same order")
    names = before.fields.keys() if fields is None else fields
    unknown = set(names) - before.fields.keys()
    if unknown:
        raise RequestError(f"the data have no field {min(unknown)!r}: they have {', '.join(before.fields)}")
    changed = np.zeros(len(before), dtype=bool)
    for name in names:
        pairs = zip(rows_of(before.fields[name]), rows_of(after.fields[name]), strict=True)
        changed |= np.fromiter((not np.array_equal(a, b) for a, b in pairs), dtype=bool, count=len(before))
    rows = np.flatnonzero(changed)
    if len(rows) == 0:
        raise RequestError("the data before and after are the same: there is nothing to correct")
    forget, replacement = take(before, rows), take(after, rows)
    return ForgetSet(tuple(rows.tolist()), tuple(forget.ids.tolist()), request_digest(forget, replacement), replacement)
