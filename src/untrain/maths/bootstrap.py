"""Intervals by resampling the rows (models) and columns (examples) of tables."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Any

import numpy as np

from untrain.maths.distributions import normal_quantile, t_quantile

Array = np.ndarray[Any, Any]


# Three sides, each also with errors too rare to be in the sample, and few populations; 1,000 draws of 60,000 take 60 MB.
@lru_cache(maxsize=24)
def resamples(n: int, draws: int, seed: int, label: str) -> Array:
    """Draw ``draws`` samples of n with replacement, and count how often each has each of n: whole numbers, (draws, n).

    The same arguments give the same samples, so that scores of many methods share them. ``label`` makes the samples of
    different axes independent.

    >>> resamples(3, draws=2, seed=0, label="models").sum(1).tolist()
    [3, 3]
    """
    rng = np.random.default_rng((seed, n, zlib.crc32(label.encode())))
    counts = np.ones((draws, n), dtype=np.uint8)
    if n > 1:
        for row in counts:
            row[:] = np.minimum(np.bincount(rng.integers(n, size=n), minlength=n), 255)
    counts.flags.writeable = False  # callers share it
    return counts


def inflated(counts: Array, level: float = 0.95) -> Array:
    """Counts of few rows, spread so that an interval from them is about as wide as Student's t makes it.

    Resampling m rows understates the variance of their mean by (m - 1) / m, and a normal quantile understates what few
    rows leave open. Deviations from one draw each are widened by ``sqrt(m / (m - 1)) * t / z``.

    >>> np.round(inflated(np.array([[2, 0]])), 2).tolist()
    [[10.17, -8.17]]
    """
    m = counts.shape[1]
    if m == 1:
        return counts
    tail = (1 + level) / 2
    wider = np.sqrt(m / (m - 1)) * t_quantile(tail, m - 1) / normal_quantile(tail)
    return np.asarray(1 + wider * (counts - 1.0))


def resampled_means(values: Array, models: Array, examples: Array, block: int = 100) -> Array:
    """Mean of a table (m, n) when its rows are drawn ``models`` (d, m) times and its columns ``examples`` (d, n) times: (d,).

    >>> resampled_means(np.array([[0.0, 2.0]]), models=np.array([[1]]), examples=np.array([[0, 2]])).tolist()
    [2.0]
    """
    out = np.empty(len(examples))
    for start in range(0, len(out), block):
        at = slice(start, start + block)
        by_model = examples[at].astype(np.float64) @ values.T / values.shape[1]
        out[at] = (by_model * models[at]).sum(1) / values.shape[0]
    return out


def basic(value: float, draws: Array, low: float, high: float, level: float = 0.95) -> tuple[float, float]:
    """Basic bootstrap interval, clipped to [low, high] and widened where needed to contain ``value``.

    >>> [round(end, 3) for end in basic(0.5, np.linspace(0.4, 0.6, 101), low=0, high=1)]
    [0.405, 0.595]

    Source: Davison and Hinkley 1997, eq. 5.6.
    """
    tail = (1 - level) / 2
    upper, lower = np.quantile(draws, [tail, 1 - tail])
    ends = np.clip([2 * value - lower, 2 * value - upper], low, high)
    return float(min(ends[0], value)), float(max(ends[1], value))
