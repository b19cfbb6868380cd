"""Rows to draw from, and their number, for a fraction of the training data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from untrain.core.errors import RequestError
from untrain.data.examples import Examples


def pool_and_count(train: Examples, fraction: float, classes: Sequence[int]) -> tuple[np.ndarray[Any, Any], int]:
    """Rows to draw from, and the number to draw.

    Args:
        train: the training data.
        fraction: share of the whole training set, whatever the classes.
        classes: labels, as given, to take from; empty takes from all.

    Raises:
        RequestError: a class does not exist, the classes hold too few examples, or the share comes to none.
    """
    pool = eligible(train, classes)
    count = round(fraction * len(train))
    if count == 0:
        raise RequestError(f"fraction={fraction:g} of {len(train)} examples is none: take a larger share")
    if count > len(pool):
        raise RequestError(
            f"fraction={fraction:g} of all {len(train)} examples is {count}, and classes {tuple(classes)} hold "
            f"{len(pool)}: at most {np.floor(1000 * len(pool) / len(train)) / 1000:g} can be drawn from them"
        )
    return pool, count


def eligible(train: Examples, classes: Sequence[int]) -> np.ndarray[Any, Any]:
    """Rows of the examples of some classes; of all if none is named.

    Raises:
        RequestError: a class does not exist.
    """
    for label in classes:
        if not 0 <= label < train.classes:
            raise RequestError(f"there is no class {label}: the data has classes 0 to {train.classes - 1}")
    return np.flatnonzero(np.isin(train.y.cpu().numpy(), classes)) if classes else np.arange(len(train))
