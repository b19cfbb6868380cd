"""Rows of batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def shuffled(n: int, batch: int, rng: np.random.Generator) -> Iterator[np.ndarray[Any, Any]]:
    """Yield all of ``range(n)`` in a new order, in batches of ``batch`` rows; the last may be smaller.

    A single left-over row joins the batch before it: train-mode batch statistics of one example do not exist.

    >>> [len(rows) for rows in shuffled(7, 3, np.random.default_rng(0))]
    [3, 4]
    """
    order = rng.permutation(n)
    cuts = list(range(0, n, batch))[: count(n, batch)]
    for at, start in enumerate(cuts):
        yield order[start : cuts[at + 1] if at + 1 < len(cuts) else n]


def count(n: int, batch: int) -> int:
    """Number of batches that ``shuffled`` makes of n rows."""
    whole, rest = divmod(n, batch)
    return whole + (1 if rest > 1 or (rest == 1 and whole == 0) else 0)


def in_order(n: int, batch: int) -> Iterator[np.ndarray[Any, Any]]:
    """Yield all of ``range(n)`` in order, in batches of ``batch`` rows."""
    for start in range(0, n, batch):
        yield np.arange(start, min(start + batch, n))
