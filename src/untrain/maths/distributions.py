"""Quantiles and tails of laws that tests and intervals take, as ``scipy.stats`` gives them, to the bit.

They come from ``scipy.special`` alone: to import ``scipy.stats`` takes over a second of each process, and a call of it a hundred
times as long as these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

Array = np.ndarray[Any, Any]


def t_quantile(share: Array | float, freedom: Array | float) -> Array:
    """Value of Student's t that so large a share lies below.

    >>> round(float(t_quantile(0.975, freedom=10)), 3)
    2.228
    """
    return np.asarray(special.stdtrit(freedom, share))[()]


def t_tail(value: Array | float, freedom: Array | float) -> Array:
    """Share of Student's t above a value.

    >>> round(float(t_tail(2.228, freedom=10)), 3)
    0.025
    """
    return np.asarray(special.stdtr(freedom, np.negative(value)))[()]


def noncentral_t_tail(value: Array | float, freedom: Array | float, shift: Array | float) -> Array:
    """Share above a value of a t whose mean was shifted, in units of its scale; within 1e-15 of what ``scipy.stats`` gives.

    >>> round(float(noncentral_t_tail(2.228, freedom=10, shift=3.0)), 3)
    0.771
    """
    mirrored = special.nctdtr(freedom, np.negative(shift), np.negative(value))  # where the other one has no value, far out
    return np.asarray(np.where(np.less(value, 0), mirrored, 1 - special.nctdtr(freedom, shift, value)))[()]


def normal_quantile(share: Array | float) -> Array:
    """Value of the standard normal law that so large a share lies below.

    >>> round(float(normal_quantile(0.975)), 3)
    1.96
    """
    return np.asarray(special.ndtri(share))[()]


def normal_share(value: Array | float) -> Array:
    """Share of the standard normal law below a value.

    >>> round(float(normal_share(1.96)), 3)
    0.975
    """
    return np.asarray(special.ndtr(value))[()]


def f_quantile(share: Array | float, above: Array | float, below: Array | float) -> Array:
    """Value of F that so large a share lies below, by the degrees of freedom above and below its line.

    >>> round(float(f_quantile(0.95, above=3, below=10)), 3)
    3.708
    """
    return np.asarray(special.fdtri(above, below, share))[()]


def beta_quantile(share: Array | float, a: Array | float, b: Array | float) -> Array:
    """Value of a beta law that so large a share lies below.

    >>> round(float(beta_quantile(0.5, a=2, b=2)), 3)
    0.5
    """
    return np.asarray(special.betaincinv(a, b, share))[()]


def f_test(one: Array, other: Array) -> float:
    """The p-value of one-way analysis of variance between two groups.

    >>> round(f_test(np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 5.0])), 4)
    0.0705

    Source: Fisher 1925.
    """
    together = np.concatenate([one, other])
    middle, groups = together.mean(), (one, other)
    between = sum(len(g) * (g.mean() - middle) ** 2 for g in groups)
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (len(together) - 2)
    return float(special.fdtrc(1, len(together) - 2, between / within))


def welch_test(one: Array, other: Array) -> float:
    """The two-sided p-value of Student's test of two means, whose groups may spread differently.

    >>> round(welch_test(np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 5.0])), 4)
    0.0705

    Source: Welch 1947.
    """
    parts = [g.var(ddof=1) / len(g) for g in (one, other)]
    freedom = sum(parts) ** 2 / sum(part**2 / (len(g) - 1) for part, g in zip(parts, (one, other), strict=True))
    return float(2 * t_tail(abs(one.mean() - other.mean()) / np.sqrt(sum(parts)), freedom))


def spread_test(one: Array, other: Array) -> float:
    """The p-value of the test that two groups spread alike: F of the distances to their medians.

    >>> round(spread_test(np.array([1.0, 2.0, 3.0]), np.array([-9.0, 4.0, 17.0])), 4)
    0.1395

    Source: Brown and Forsythe 1974.
    """
    return f_test(*(np.abs(g - np.median(g)) for g in (one, other)))


def false_discovery_rates(p: Array) -> Array:
    """Adjusted p-values of some tests: of those up to a level that share at most is expected to be false.

    >>> false_discovery_rates(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.04, 0.04]

    Source: Benjamini and Hochberg 1995.
    """
    order = np.argsort(p)[::-1]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(p[order] * (len(p) / np.arange(len(p), 0, -1))))
    return adjusted


def average_ranks(values: Array, axis: int = -1) -> Array:
    """Ranks from 1 along an axis; equals share their mean rank, and all ranks beside a NaN are NaN.

    >>> average_ranks(np.array([0.3, 0.1, 0.3])).tolist()
    [2.5, 1.0, 2.5]
    """
    rows = np.moveaxis(np.asarray(values), axis, -1)
    order = np.argsort(rows, axis=-1, kind="stable")
    ordered = np.take_along_axis(rows, order, -1)
    n = rows.shape[-1]
    at = np.broadcast_to(np.arange(n), rows.shape)
    begins = np.ones(rows.shape, dtype=bool)
    begins[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    ends = np.ones(rows.shape, dtype=bool)
    ends[..., :-1] = begins[..., 1:]
    first = np.maximum.accumulate(np.where(begins, at, 0), axis=-1)
    last = np.flip(np.minimum.accumulate(np.flip(np.where(ends, at, n), -1), axis=-1), -1)
    ranks = np.empty(rows.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, -1)
    if rows.dtype.kind == "f":
        ranks[np.isnan(rows).any(-1)] = np.nan
    return np.moveaxis(ranks, -1, axis)
