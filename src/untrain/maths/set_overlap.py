"""How much two choices of the same things have in common, and how much they would by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Bits = np.ndarray[Any, Any]


def shared(one: Bits, other: Bits) -> float | None:
    """Intersection over union of two choices, bool (p,), or packed, eight in a byte; None where both are empty."""
    union = _count(one | other)
    return _count(one & other) / union if union else None


def _count(bits: Bits) -> int:
    return int(np.count_nonzero(bits if bits.dtype == bool else np.unpackbits(bits)))


def by_chance(one: Sequence[int], other: Sequence[int], sizes: Sequence[int]) -> float | None:
    """Intersection over union to be expected of two choices with these counts in each part, drawn at random within it.

    It is the quotient of expectations, which for parts of thousands is the expected quotient.

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
    """What two choices have in common when only their counts by part are looked at: 1 minus the total variation of their shares.

    None where one is empty.
    """
    a, b = (np.asarray(v, dtype=np.float64) for v in (one, other))
    if not a.sum() or not b.sum():
        return None
    return float(np.minimum(a / a.sum(), b / b.sum()).sum())
