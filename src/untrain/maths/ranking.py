"""Ranks of several entrants by a loss, with intervals; pairs that differ; and entrants that no other beats at a lower price."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from untrain.maths.distributions import average_ranks, t_tail

Array = np.ndarray[Any, Any]

SMALLEST = 1e-9  # losses below it are taken for it, where their logarithm is needed


def ranks(losses: Array) -> Array:
    """Rank of each entrant, the least loss first; equals share their mean rank. (..., n) to (..., n).

    >>> ranks(np.array([0.3, 0.1, 0.3])).tolist()
    [2.5, 1.0, 2.5]
    """
    return average_ranks(losses)


def holm(p: Array) -> Array:
    """Adjusted p-values of some tests: those up to a level are the rejections that err at all with that chance at most.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]

    Source: Holm 1979.
    """
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return adjusted


def paired_tests(losses: Array, resampled: Array, references: Sequence[int]) -> dict[tuple[int, int], float]:
    """Two-sided p-values, for each pair of entrants, of the difference of the logarithms of their mean losses.

    Losses above 0 differ by factors: those of a method that fails spread more than those of one that does well. The variance of a
    difference has two parts: that between blocks, which a pair shares, and that of the references which losses are measured
    from, few as well, from resamples of these. What moves the losses of both alike cancels, and what moves them in opposite
    directions, or one of them alone, does not. The p-value is the mean of those by Student's t with the degrees of freedom of
    either part, weighted by the parts. Where there is no variance, p is 1 if the means are equal, else 0.

    >>> losses = np.array([[1.0, 1.1, 0.9], [8.0, 9.9, 7.0]])
    >>> paired_tests(losses, losses.mean(1)[None], references=[12, 12])[0, 1] < 0.001
    True

    Args:
        losses: of n entrants in m blocks, such as seeds, (n, m); m at least 2.
        resampled: mean losses by resamples of the references, (b, n); entrants with the same references share the draws.
        references: how many stand behind the losses of each entrant; at least 2.

    Source: the weights are Cochran 1964's, of p-values instead of critical values.
    """
    means = np.maximum(losses.mean(1), SMALLEST)
    logs, m = np.log(means), losses.shape[1]
    again = np.log(np.maximum(resampled, SMALLEST))
    effects = losses / means[:, None]  # the first order of the logarithm of a mean
    found = {}
    for one, other in combinations(range(len(losses)), 2):
        few = min(references[one], references[other])
        seeds = float((effects[one] - effects[other]).var(ddof=1)) / m
        measured = float((again[:, one] - again[:, other]).var()) * few / (few - 1)
        variance, difference = seeds + measured, abs(float(logs[one] - logs[other]))
        if variance <= 1e-24 * max(1.0, difference**2):
            found[one, other] = float(difference <= 1e-12)
        else:
            tails = 2 * t_tail(difference / np.sqrt(variance), np.array([m - 1, few - 1]))
            found[one, other] = float((seeds * tails[0] + measured * tails[1]) / variance)
    return found


def front(losses: Sequence[float], prices: Sequence[float | None]) -> list[bool]:
    """Return whether each entrant lies on the Pareto front: no other is at least as good in both, and better in one.

    >>> front([0.5, 0.4, 0.6], prices=[0.1, 0.9, 0.2])
    [True, True, False]

    Args:
        losses: less is better.
        prices: the same; None where a price is not known, and such an entrant is never on the front.
    """
    known = [(loss, price) for loss, price in zip(losses, prices, strict=True) if price is not None]

    def beaten(loss: float, price: float) -> bool:
        return any(a <= loss and b <= price and (a < loss or b < price) for a, b in known)

    return [price is not None and not beaten(loss, price) for loss, price in zip(losses, prices, strict=True)]
