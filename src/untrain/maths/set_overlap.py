"""Overlap of two choices of the same things, and the overlap that chance gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Bits = np.ndarray[Any, Any]


def shared(one: Bits, other: Bits) -> float | None:
    """Intersection over union of two choices, bool (p,), or packed, eight in a byte; None where both are empty.

    >>> shared(np.array([True, True, False, False]), np.array([False, True, False, False]))
    0.5
    """
    union = _count(one | other)
    return _count(one & other) / union if union else None


def _count(bits: Bits) -> int:
    return int(np.count_nonzero(bits if bits.dtype == bool else np.unpackbits(bits)))


def by_chance(one: Sequence[int], other: Sequence[int], sizes: Sequence[int]) -> float | None:
    """Expected intersection over union of two choices with these counts in each part, drawn at random within it.

    It is the quotient of expectations, which for parts of thousands is the expected quotient.

    >>> round(by_chance(one=[1], other=[1], sizes=[2]), 4)  # 1 / 2 in common, of 3 / 2
    0.3333

    Args:
        one: number chosen in each part.
        other: number chosen in each part by the other.
        sizes: number of things in each part.
    """
    a, b, n = (np.asarray(v, dtype=np.float64) for v in (one, other, sizes))
    both = float((a * b / np.maximum(n, 1)).sum())
    union = float(a.sum() + b.sum()) - both
    return both / union if union else None


def alike(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Overlap of two choices by their counts per part alone: 1 minus the total variation of their shares.

    None where one is empty.

    >>> alike([1, 1], [2, 0])
    0.5
    """
    a, b = (np.asarray(v, dtype=np.float64) for v in (one, other))
    if not a.sum() or not b.sum():
        return None
    return float(np.minimum(a / a.sum(), b / b.sum()).sum())
