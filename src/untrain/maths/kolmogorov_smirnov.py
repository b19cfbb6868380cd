"""The two-sample test of Kolmogorov and Smirnov, for samples of one size."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaln

Array = np.ndarray[Any, Any]


def distance(first: Array, second: Array) -> int:
    """Largest difference of the two samples' distribution functions, in steps of 1 / n, of sorted samples (n,).

    Example:
        >>> distance(np.array([0.0, 1.0, 2.0]), np.array([1.5, 3.0, 4.0]))
        2
    """
    points = np.concatenate([first, second])
    below = [np.searchsorted(sample, points, side="right") for sample in (first, second)]
    return int(np.abs(below[0] - below[1]).max())


def log_p_values(n: int) -> Array:
    """Logarithm of the exact probability of a distance of k / n or more between two samples of n of one law, (n + 1,), by k.

    Ties between the samples make it an upper bound.

    Example:
        >>> np.exp(log_p_values(2)).round(4).tolist()
        [1.0, 1.0, 0.3333]

    Source: Gnedenko and Korolyuk 1951: 2 sum_j (-1)^(j - 1) C(2n, n - jk) / C(2n, n) over j from 1 to n / k.
    """
    found = np.zeros(n + 1)
    for k in range(1, n + 1):
        j = np.arange(1, n // k + 1)
        # Of C(2n, n - jk) / C(2n, n) the factorial of 2n drops out.
        logs = 2 * gammaln(n + 1) - gammaln(n - j * k + 1) - gammaln(n + j * k + 1)
        terms = np.where(j % 2 == 1, 1.0, -1.0) * np.exp(logs - logs[0])
        found[k] = min(0.0, np.log(2 * terms.sum()) + logs[0])
    return found
