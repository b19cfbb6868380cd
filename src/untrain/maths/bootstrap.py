"""Intervals by resampling the rows (models) and columns (examples) of tables."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def resampled_weights(n: int, draws: int, rng: np.random.Generator) -> Array:
    """How often each of n is drawn in ``draws`` samples of n with replacement, divided by n: (draws, n)."""
    if n == 1:
        return np.ones((draws, 1))
    return np.asarray(rng.multinomial(n, np.full(n, 1 / n), size=draws) / n)


def resampled_means(values: Array, models: Array, examples: Array) -> Array:
    """Mean of a table (m, n) under each draw of weights ``models`` (d, m) and ``examples`` (d, n): (d,)."""
    return np.asarray(((models @ values) * examples).sum(1))


def basic(value: float, draws: Array, low: float, high: float, level: float = 0.95) -> tuple[float, float]:
    """Basic bootstrap interval, held within [low, high] and widened where needed to contain ``value``.

    Source: Davison and Hinkley 1997, eq. 5.6.
    """
    tail = (1 - level) / 2
    upper, lower = np.quantile(draws, [tail, 1 - tail])
    ends = np.clip([2 * value - lower, 2 * value - upper], low, high)
    return float(min(ends[0], value)), float(max(ends[1], value))
