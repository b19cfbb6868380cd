"""Rows by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from untrain.core.errors import RequestError
from untrain.data.examples import Examples
from untrain.data.id_index import IdIndex, some
from untrain.data.id_lists import ids_named
from untrain.data.readers.id_files import Reading


def rows_with_ids(train: Examples, ids: Sequence[Any], where: str) -> np.ndarray[Any, Any]:
    """Rows whose id is among ``ids``, ascending; an id names every row that has it.

    Args:
        train: the training data.
        ids: written out in a request, so that each has to be in the data.
        where: name of their list, for messages.

    Raises:
        RequestError: an id is listed twice or is not in the training data.
    """
    twice = [i for i, count in Counter(ids).items() if count > 1]
    if twice:
        raise RequestError(f"{where} lists {some(twice)} more than once: list each id once")
    return rows_of(train, ids_named(ids, IdIndex(train.ids), where, Reading(gone="refuse")))


def rows_of(train: Examples, ids: Iterable[Any]) -> np.ndarray[Any, Any]:
    """Rows whose id is among ids of the data, ascending."""
    names = set(ids)
    return np.flatnonzero([i in names for i in train.ids.tolist()])
