"""A check that a data set gives a row as it gave it before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from untrain.core.errors import DataError

ASKED_TWICE = 8  # rows


def check_steady(source: Any, n: int, stack: Callable[[Iterator[Any], str], tuple[np.ndarray[Any, Any], ...]]) -> None:
    """Refuse a data set that gives other values when a row is read again, as one that augments does.

    Args:
        source: the data set.
        n: number of its rows; a few of them are read twice.
        stack: makes arrays of items and the name of their kind.

    Raises:
        DataError: a row is another one the second time.
    """
    kind = type(source).__name__
    for row in sorted({round(at) for at in np.linspace(0, n - 1, min(n, ASKED_TWICE))}):
        first, second = (stack(iter([source[row]]), kind) for _ in range(2))
        if not all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(first, second, strict=True)):
            raise DataError(
                f"item {row} of {kind} is another one each time: what is observed has to be what was learned; leave random "
                "transforms out, and augment in training, by augment=..."
            )
