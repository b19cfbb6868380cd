"""Comparison of forgotten rows with rows that a model has never seen, class by class: a sign of forgetting that needs no oracle."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from untrain.maths.roc import auc

Array = np.ndarray[Any, Any]
EVEN = 0.5


class Likeness(NamedTuple):
    """Likeness of forgotten to unseen rows of the same classes.

    Args:
        area: probability that a forgotten row has a larger loss than an unseen one of its class, ties counted half; 0.5 where
            they look alike, less where the model remembers or they are easier, more where they are harder.
        error: standard error of ``area`` where they are alike.
        gap: mean loss of forgotten rows less that of unseen ones, in nats, classes weighted as among the forgotten.
        gap_error: standard error of ``gap``.
        compared: number of forgotten rows whose class has an unseen row.
    """

    area: float
    error: float
    gap: float
    gap_error: float
    compared: int


def likeness(forgotten: Array, unseen: Array, forgotten_classes: Array, unseen_classes: Array) -> Likeness:
    """Compare losses of forgotten rows with losses of unseen rows of the same classes.

    With k_c forgotten and m_c unseen rows of class c and ``w_c = k_c / k``, the area is ``sum of w_c A_c`` with the Mann-Whitney
    area ``A_c`` of the class. Where both kinds of rows have the same law, ``A_c`` has the mean 1/2 and, without ties, the variance
    ``(k_c + m_c + 1) / (12 k_c m_c)``; classes are independent, so that the variance of the area is the sum of theirs times
    ``w_c ** 2``. The gap is the post-stratified difference of means, with variance ``v / k + u * sum of w_c ** 2 / m_c`` of the
    pooled variances v and u within the classes of either kind.

    >>> found = likeness(np.array([1.0, 3.0]), np.array([0.0, 2.0, 4.0]), np.zeros(2), np.zeros(3))
    >>> found.area, round(found.error ** 2, 4), found.gap
    (0.5, 0.0833, 0.0)

    Rows of a class without an unseen row are left out; with none left every number is NaN.

    Args:
        forgotten: losses, (k,).
        unseen: losses, (m,).
        forgotten_classes: of the forgotten rows, (k,).
        unseen_classes: of the unseen rows, (m,).

    Source: Mann and Whitney 1947 (area and its variance); van Elteren 1960 (classes).
    """
    shared = np.intersect1d(forgotten_classes, unseen_classes)
    pairs = [(forgotten[forgotten_classes == each], unseen[unseen_classes == each]) for each in shared]
    k = sum(len(a) for a, _ in pairs)
    if not k:
        return Likeness(math.nan, math.nan, math.nan, math.nan, 0)
    weights = np.array([len(a) / k for a, _ in pairs])
    area = sum(w * auc(a, b) for w, (a, b) in zip(weights, pairs, strict=True))
    spread = sum(w**2 * (len(a) + len(b) + 1) / (12 * len(a) * len(b)) for w, (a, b) in zip(weights, pairs, strict=True))
    gap = sum(w * (a.mean() - b.mean()) for w, (a, b) in zip(weights, pairs, strict=True))
    own, others = _pooled([a for a, _ in pairs]), _pooled([b for _, b in pairs])
    own = others if math.isnan(own) else own
    others = own if math.isnan(others) else others
    variance = own / k + others * sum(w**2 / len(b) for w, (_, b) in zip(weights, pairs, strict=True))
    return Likeness(float(area), math.sqrt(spread), float(gap), math.sqrt(variance) if variance >= 0 else math.nan, k)


def _pooled(groups: list[Array]) -> float:
    """Pooled variance within groups; NaN where each has a single value."""
    freedom = sum(len(group) - 1 for group in groups)
    return float(sum(((group - group.mean()) ** 2).sum() for group in groups) / freedom) if freedom else math.nan
