"""Epsilons that simple rules show between two samples, example by example."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from untrain.maths.bounds import clopper_pearson, epsilon

Array = np.ndarray[Any, Any]
Zeros = Literal["least", "reference", "bound"]
CAP = 50.0
_PER_UNIT, _BUFFER, _PEAKED = 100, 2.0, 0.01


def rule_epsilons(ours: Array, theirs: Array, delta: float = 1e-5, zeros: tuple[Zeros, ...] = ("least",), block: int = 8) -> Array:
    """Largest epsilon that any rule shows between two samples of N, for each of n examples; at most 50.

    Rules: one threshold, the sample of the larger median above it; and an interval about the sample of the smaller range. Both
    on a grid of 100 thresholds per unit, the interval's ends within 2 of the sample's. Where one range is less than a hundredth of
    the other, epsilon is 50 without trying.

    >>> x = np.arange(4.0)[:, None]
    >>> rule_epsilons(x, x + 100).tolist()  # no overlap: the cap
    [[50.0]]

    Args:
        ours: first sample, (N, n).
        theirs: second sample, (N, n).
        delta: slack.
        zeros: value of a rule of which exactly one error rate is 0; several cost little more than one. 'least':
            the rate is 1 / N, the least that can be observed; 'reference': nothing, as in the published code; 'bound': all
            rates are upper bounds that hold with 97.5 % each.
        block: examples worked on at a time.

    Returns:
        (len(zeros), n), in nats.

    Source: google-deepmind/unlearning_evaluation, metric.py, of the NeurIPS 2023 challenge.
    """
    size, n = ours.shape
    tables = [_table(size, delta, each) for each in zeros]
    out = np.empty((len(tables), n))
    for start in range(0, n, block):
        a, b = (np.asarray(s[:, start : start + block], dtype=np.float64) for s in (ours, theirs))
        spreads = np.stack([np.ptp(a, axis=0), np.ptp(b, axis=0)])
        peaked = spreads.min(0) < _PEAKED * spreads.max(0)
        best = np.maximum(_one_threshold(a, b, tables), _interval(a, b, spreads, tables))
        out[:, start : start + block] = np.where(peaked, CAP, np.minimum(best, CAP))
    return out


def _table(size: int, delta: float, zeros: Zeros) -> Array:
    """Epsilon by number of true and of false positives, ((size + 1) ** 2,); float32."""
    counts = np.arange(size + 1)
    rates = clopper_pearson(counts, size)[1] if zeros == "bound" else counts / size
    fnr, fpr = np.meshgrid(rates[::-1], rates, indexing="ij")
    if zeros == "bound":
        return epsilon(fpr, fnr, delta).ravel().astype(np.float32)
    single = (fnr == 0) != (fpr == 0)
    if zeros == "least":
        fnr, fpr = (np.where(single, np.maximum(r, 1 / size), r) for r in (fnr, fpr))
        return epsilon(fpr, fnr, delta).ravel().astype(np.float32)
    return np.where(single, 0.0, epsilon(fpr, fnr, delta)).ravel().astype(np.float32)


def _one_threshold(a: Array, b: Array, tables: list[Array]) -> Array:
    """Best of the rules "at least t" by each table, (tables, n)."""
    size = len(a)
    swap = np.median(b, axis=0) > np.median(a, axis=0)
    pooled = np.concatenate([np.where(swap, b, a), np.where(swap, a, b)])
    order = np.argsort(pooled, axis=0, kind="stable")
    value = np.take_along_axis(pooled, order, 0)
    first = order < size
    positives, negatives = (size - (np.cumsum(side, axis=0) - side) for side in (first, ~first))
    # A threshold at a value stands for those of the grid between it and the value below; without any it is not tried.
    wide = value[-1] - value[0]
    steps = np.ceil(wide * _PER_UNIT) - 1
    cell = np.floor((value - value[0]) / np.where(wide > 0, wide, 1.0) * np.maximum(steps, 0) + 1e-9)
    tried = np.diff(cell, axis=0, prepend=-1.0) > 0
    place = positives * (size + 1) + negatives
    return np.stack([np.where(tried, table[place], 0.0).max(0) for table in tables])


def _interval(a: Array, b: Array, spreads: Array, tables: list[Array]) -> Array:
    """Best of the rules "from l to r" by each table, (tables, n)."""
    size, n = a.shape
    swap = spreads[0] >= spreads[1]
    near, far = np.where(swap, b, a), np.where(swap, a, b)
    count = int(2 * _BUFFER * _PER_UNIT)
    step = 2 * _BUFFER / (count - 1)
    right = near.max(0) - _BUFFER
    left = right - spreads.min(0) - _BUFFER
    upto, below = np.zeros((n, count), dtype=np.int32), np.zeros((n, 2 * count - 1), dtype=np.int32)
    # Positives and negatives are counted in one number, so that one subtraction and one look-up serve both.
    for sample, weight in ((near, size + 1), (far, 1)):
        upto += weight * _cumulated(np.ceil((sample - right) / step), count)
        below += weight * _cumulated(np.floor((sample - left) / step) + 1, 2 * count - 1)
    inside = upto[:, :, None] - sliding_window_view(below, count, axis=1)
    np.maximum(inside, 0, out=inside)
    return np.stack([table[inside].max((1, 2)) for table in tables])


def _cumulated(at: Array, cells: int) -> Array:
    """Number of values in each cell and those before it, (n, cells), from cells (N, n)."""
    n = at.shape[1]
    place = np.clip(at, 0, cells).astype(np.intp) + np.arange(n) * (cells + 1)
    counts = np.bincount(place.ravel(), minlength=n * (cells + 1)).reshape(n, cells + 1)
    return np.asarray(np.cumsum(counts[:, :cells], axis=1), dtype=np.int32)
