"""Intervals of quantiles by order statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

Array = np.ndarray[Any, Any]


def quantile_interval(
    values: Array, q: float, low: float, high: float, owners: Array | None = None, level: float = 0.95
) -> tuple[float, float]:
    """Interval of the quantile of the law that some values are drawn from, whatever this law is.

    Its ends are values of the sample, those whose ranks a binomial count of the values below the quantile does not leave by more
    than half of what ``level`` leaves, at either end. Where the sample is too small to have such a value, the end is the bound:
    among 20 values none lies above the 95th percentile in one sample of three.

    >>> quantile_interval(np.arange(100.0), 0.5, low=0, high=200)
    (39.0, 60.0)
    >>> quantile_interval(np.arange(20.0), 0.95, low=0, high=200)
    (16.0, 200.0)

    Args:
        values: the sample, (n,).
        q: which quantile, above 0 and below 1.
        low: the least value that there can be.
        high: the greatest.
        owners: number of each value's owner, (n,), where values of one owner may be alike: then the ranks are those of as many
            values as there are owners, spread over all values. None where each is drawn for itself.
        level: of the interval.

    Source: David and Nagaraja 2003, Order Statistics, section 7.1.
    """
    ordered, n = np.sort(values), len(values)
    count = n if owners is None else int(owners.max()) + 1
    tail = (1 - level) / 2
    # The value of rank r is above the quantile where fewer than r values are below it, and below it where r or more are.
    ranks = np.arange(1, count + 1)
    first = np.flatnonzero(special.bdtr(ranks - 1, count, q) <= tail)
    last = np.flatnonzero(special.bdtrc(ranks - 1, count, q) <= tail)
    below = low if not len(first) else ordered[(int(first[-1]) * n) // count]
    above = high if not len(last) else ordered[min(n, -(-(int(last[0]) + 1) * n // count)) - 1]
    return float(max(low, below)), float(min(high, above))
