"""Whether a data set gives a row as it gave it before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from untrain.core.errors import DataError

ASKED_TWICE = 8  # rows


Ask = Callable[[int], tuple[np.ndarray[Any, Any], ...]]


def check_steady(first: Ask, again: Ask, n: int, kind: str) -> None:
    """Refuse a data set that gives other values when a row is asked for again, as one that augments does.

    Args:
        first: gives the arrays of a row, as they were read.
        again: asks the data set for them.
        n: number of rows, of which a few are asked for.
        kind: of the data set, for the message.

    Raises:
        DataError: a row is another one the second time.
    """
    for row in sorted({round(at) for at in np.linspace(0, n - 1, min(n, ASKED_TWICE))}):
        if not all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(first(row), again(row), strict=True)):
            raise DataError(
                f"item {row} of {kind} is another one each time: what is observed has to be what was learned; leave random "
                "transforms out, and augment in training, by augment=..."
            )
