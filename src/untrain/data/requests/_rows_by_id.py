"""Rows by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from untrain.core.errors import RequestError
from untrain.data.examples import Examples


def rows_with_ids(train: Examples, ids: Sequence[Any], where: str) -> np.ndarray[Any, Any]:
    """Rows whose id is among ``ids``, ascending; an id names every row that has it.

    Args:
        train: the training data.
        ids: ids of the data's own type.
        where: name of their list, for messages.

    Raises:
        RequestError: an id is listed twice or is not in the training data.
    """
    twice = [i for i, count in Counter(ids).items() if count > 1]
    if twice:
        raise RequestError(f"{where} lists {_some(twice)} more than once: list each id once")
    present = set(train.ids.tolist())
    missing = [i for i in ids if i not in present]
    if missing:
        raise RequestError(
            f"{where} lists {len(missing)} of {len(ids)} ids that the training data lack: {_some(missing)}; "
            f"ids there are such as {_some(train.ids[:3].tolist(), cut=3)}"
        )
    names = set(ids)
    return np.flatnonzero([i in names for i in train.ids.tolist()])


def _some(values: Sequence[Any], cut: int = 5) -> str:
    return ", ".join(repr(v) for v in values[:cut]) + (", ..." if len(values) > cut else "")
