"""Rows by id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from untrain.core.errors import RequestError
from untrain.data.examples import Examples
from untrain.data.id_index import IdIndex, some
from untrain.data.id_lists import match
from untrain.data.readers.id_files import Reading


def rows_with_ids(train: Examples, ids: Sequence[Any], where: str) -> np.ndarray[Any, Any]:
    """Rows whose id is among ``ids``, ascending; an id names every row that has it.

    Args:
        train: the training data.
        ids: written out in a request, so that each has to be in the data.
        where: name of their list, for messages.

    Raises:
        RequestError: an id is listed twice, however it is written, or is not in the training data.
    """
    return rows_of(train, each_named(train, ids, where))


def each_named(train: Examples, ids: Sequence[Any], where: str) -> list[Any]:
    """The id of the training data that each of ``ids`` names, in their order; arguments and errors are as of ``rows_with_ids``."""
    named = match(ids, IdIndex(train.ids), where, Reading(heading=False, gone="refuse"))
    words: dict[Any, list[Any]] = {}
    for word, each in zip(ids, named, strict=True):
        words.setdefault(each, []).append(word)
    twice = next((alike for alike in words.values() if len(alike) > 1), None)
    if twice:
        raise RequestError(f"{where} lists {some(list(dict.fromkeys(twice)))} more than once: list each id once")
    return named


def rows_of(train: Examples, ids: Iterable[Any]) -> np.ndarray[Any, Any]:
    """Rows whose id is among ids of the data, ascending."""
    names = set(ids)
    return np.flatnonzero([i in names for i in train.ids.tolist()])
