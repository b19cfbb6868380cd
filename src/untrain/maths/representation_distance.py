"""Distances between two sets of models by their representations of the same examples."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
BLOCK = 1 << 20


def distances(ours: Array, theirs: Array) -> Array:
    """Euclidean distance on each example of each of our models to theirs, mean over theirs: (m, n) of (m, n, d).

    >>> distances(np.zeros((1, 1, 2)), np.array([[[3.0, 4.0]]])).tolist()
    [[5.0]]
    """
    out = np.empty(ours.shape[:2])
    for row, mine in zip(out, ours, strict=True):
        row[...] = np.mean([np.sqrt(((mine - other) ** 2).sum(-1, dtype=np.float64)) for other in theirs], axis=0)
    return out


def cka(ours: Array, theirs: Array) -> Array:
    """Linear centred kernel alignment of each pair of models, (m, k), in [0, 1]: of features (m, n, d) and (k, n, e).

    It is 1 where one model's features are the other's, turned and scaled. Features that are the same on all examples have
    no direction: their alignment is 1 with others of that kind, and 0 with the rest.

    >>> x = np.random.default_rng(0).normal(size=(1, 5, 2))
    >>> np.round(cka(x, -3 * x[:, :, ::-1]), 6).tolist()
    [[1.0]]

    Source: Kornblith et al. 2019, arXiv 1905.00414, eq. 3 with linear kernels.
    """
    left, right = ([_centred(each) for each in side] for side in (ours, theirs))
    return np.array([[_aligned(a, b) for b in right] for a in left])


def _centred(features: Array) -> tuple[Array, float]:
    """Features about their mean over examples, and the length of their covariance."""
    wide = np.asarray(features, dtype=np.float64)
    wide = wide - wide.mean(0)
    return wide, _cross(wide, wide)


def _cross(a: Array, b: Array) -> float:
    """Frobenius norm of ``a.T @ b``, by whichever product is smaller."""
    n, d, e = len(a), a.shape[1], b.shape[1]
    if n * n < d * e:
        return float(np.sqrt(max(((a @ a.T) * (b @ b.T)).sum(), 0.0)))
    return float(np.linalg.norm(a.T @ b))


def _aligned(a: tuple[Array, float], b: tuple[Array, float]) -> float:
    if a[1] == 0 or b[1] == 0:
        return float(a[1] == b[1])
    return min(_cross(a[0], b[0]) ** 2 / (a[1] * b[1]), 1.0)


def lengths(ours: Array, theirs: Array) -> Array:
    """Euclidean distance of each of our vectors to each of theirs, (m, k), of (m, p) and (k, p).

    >>> lengths(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])).tolist()
    [[5.0]]
    """
    square = np.zeros((len(ours), len(theirs)))
    for start in range(0, ours.shape[1], BLOCK):
        b = np.asarray(theirs[:, start : start + BLOCK], dtype=np.float64)
        for row, mine in zip(square, ours[:, start : start + BLOCK], strict=True):
            row += ((mine - b) ** 2).sum(1)
    return np.asarray(np.sqrt(square))
