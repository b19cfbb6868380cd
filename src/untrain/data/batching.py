"""Rows of batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def by_length(
    batches: Sequence[np.ndarray[Any, Any]], lengths: np.ndarray[Any, Any], among: int, rng: np.random.Generator
) -> list[np.ndarray[Any, Any]]:
    """Put rows of alike length together, among so many batches at a time, in batches of the same sizes in a new order.

    A row stays within the ``among`` batches that it was drawn in, so that chance still decides which rows come together. A last
    batch of another size stays the last.

    >>> by_length([np.array([0, 3]), np.array([2, 1])], np.array([9, 5, 5, 8]), 2, np.random.default_rng(0))
    [array([2, 1]), array([3, 0])]

    Args:
        batches: rows of each batch.
        lengths: of all rows, (n,).
        among: batches of a window.
        rng: draws the order of batches within each window.
    """
    sorted_batches: list[np.ndarray[Any, Any]] = []
    for start in range(0, len(batches), among):
        window = batches[start : start + among]
        rows, sizes = np.concatenate(window), [len(batch) for batch in window]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        # In a smaller batch a row counts for more: chance decides which lengths that falls to.
        last = start + among >= len(batches) and sizes[-1] != len(batches[0])
        place = int(rng.integers(len(sizes))) if last else len(sizes)
        sizes.insert(place, sizes.pop())
        parts = np.split(rows, np.cumsum(sizes)[:-1])
        end = [parts.pop(place)] if last else []
        sorted_batches += [*(parts[at] for at in rng.permutation(len(parts)).tolist()), *end]
    return sorted_batches


def count(n: int, batch: int) -> int:
    """Number of batches that ``shuffled`` makes of n rows."""
    whole, rest = divmod(n, batch)
    return whole + (1 if rest > 1 or (rest == 1 and whole == 0) else 0)


def in_order(n: int, batch: int) -> Iterator[np.ndarray[Any, Any]]:
    """Yield all of ``range(n)`` in order, in batches of ``batch`` rows."""
    for start in range(0, n, batch):
        yield np.arange(start, min(start + batch, n))
