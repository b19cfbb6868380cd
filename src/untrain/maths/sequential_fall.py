"""Has a share fallen, looked at again and again: a bound on the chance of so large a fall, and a level for each look."""

from __future__ import annotations

import math


def fall_bound(fall: float, before: int, after: int) -> float:
    """Bound the chance that a share measured on two samples falls by so much although it did not fall.

    Each sample is of independent draws; the two may depend on each other in any way, and may be the same examples. A mean of n
    values in [0, 1] is sub-Gaussian with deviation 1 / (2 sqrt(n)) (Hoeffding), deviations of dependent variables add, so the
    chance is at most ``exp(-fall² / (2 (s + t)²))`` with ``s = 1 / (2 sqrt(before))`` and ``t = 1 / (2 sqrt(after))``.

    >>> round(fall_bound(0.1, 1000, 1000), 6) == round(math.exp(-5), 6)
    True
    >>> fall_bound(-0.2, 10, 10)
    1.0

    Args:
        fall: first share minus second share.
        before: examples of the first sample.
        after: examples of the second sample.
    """
    if fall <= 0 or before < 1 or after < 1:
        return 1.0
    deviation = 1 / (2 * math.sqrt(before)) + 1 / (2 * math.sqrt(after))
    return math.exp(-((fall / deviation) ** 2) / 2)


def level_of_look(alpha: float, look: int) -> float:
    """The level of look 1, 2, 3, ..., at which all looks together, however many, raise a false alarm at most at ``alpha``.

    It is ``alpha / (k (k + 1))``, which sums to ``alpha`` over all k (Bonferroni with unequal shares).

    >>> sum(level_of_look(0.05, k) for k in range(1, 1000)) < 0.05
    True
    """
    return alpha / (look * (look + 1))
