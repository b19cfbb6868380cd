"""Splits of models into two groups, and statistics of the difference between the groups."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def splits(count: int, size: int, draws: int, seed: int) -> Array:
    """Orders of ``count`` models, (b, count): the first ``size`` of each are one group, the rest the other.

    The first order is 0, 1, 2, ... All splits come when there are at most ``draws``, else random orders.

    >>> splits(3, size=1, draws=10, seed=0).tolist()
    [[0, 1, 2], [1, 0, 2], [2, 0, 1]]
    """
    if comb(count, size) <= draws:
        everyone = np.arange(count)
        orders = [np.r_[one, np.setdiff1d(everyone, one)] for one in combinations(range(count), size)]
        return np.asarray(orders, dtype=np.int64)
    rng = np.random.default_rng((seed, count, size))
    return np.stack([np.arange(count), *(rng.permutation(count) for _ in range(draws - 1))])


def differences(values: Array, orders: Array, size: int) -> tuple[Array, Array]:
    """Mean of the first group less mean of the second, and its standard error, for each split: two of (b,).

    The error is the larger of the pooled one and Welch's: neither a small group's chance agreement nor unequal spreads
    make it too small.

    >>> difference, error = differences(np.array([3.0, 0.0, 2.0]), np.array([[0, 1, 2]]), size=1)
    >>> float(difference[0]), round(float(error[0]), 4)  # 3 - 1 and sqrt(2 (1 + 1 / 2))
    (2.0, 1.7321)

    Args:
        values: one for each model, (count,).
        orders: of the models, as ``splits`` gives them.
        size: of the first group.
    """
    ordered = values[orders]
    ours, theirs = ordered[:, :size], ordered[:, size:]
    m, k = size, ordered.shape[1] - size
    sums = [((part - part.mean(1, keepdims=True)) ** 2).sum(1) for part in (ours, theirs)]
    pooled = (sums[0] + sums[1]) / max(m + k - 2, 1) * (1 / m + 1 / k)
    apart = sum(s / ((n - 1) * n) for s, n in zip(sums, (m, k), strict=True) if n > 1)
    return ours.mean(1) - theirs.mean(1), np.sqrt(np.maximum(pooled, apart))


def apart(values: Array) -> tuple[Array, Array]:
    """Each of several values less the mean of the others, and the standard deviation of the others: two of (b,).

    The spread leaves out the value itself, so that an outlier stands out without bound.

    >>> difference, spread = apart(np.array([0.0, 0.0, 3.0]))
    >>> difference.tolist(), np.round(spread, 4).tolist()
    ([-1.5, -1.5, 3.0], [2.1213, 2.1213, 0.0])
    """
    b = len(values)
    if b < 3:
        return values - values.mean(), np.full(b, np.inf)
    centred = values - values.mean()
    whole = (centred**2).sum()
    rest = np.maximum(whole - centred**2 * b / (b - 1), 0.0) / (b - 2)
    return centred * b / (b - 1), np.sqrt(rest)
