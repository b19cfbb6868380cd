"""Convex losses of linear scores, with their derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import expit

from untrain.maths.logits import logsumexp

Array = np.ndarray[Any, Any]
Name = Literal["logistic", "multinomial", "squared", "squared_hinge", "huber"]


class Derivatives(NamedTuple):
    """Loss of each row, and its derivatives in the row's scores.

    Args:
        value: (n,).
        slope: (n,), or (n, k) of k scores.
        curvature: second derivative, (n,); of ``multinomial`` the probabilities p, (n, k), whose second derivative is
            ``diag(p) - p p^T``.
    """

    value: Array
    slope: Array
    curvature: Array


@dataclass(frozen=True)
class Bounds:
    """Bounds that the derivatives of a loss in one score never exceed; ``math.inf`` where there is no bound.

    Args:
        slope: of the loss's size.
        curvature: of the second derivative; of several scores, of its largest eigenvalue.
        change: Lipschitz constant of the second derivative; infinite where it jumps.
    """

    slope: float
    curvature: float
    change: float


def check_signs(signs: Array) -> None:
    """Refuse labels other than -1 and +1.

    >>> check_signs(np.array([0, 1]))
    Traceback (most recent call last):
    ...
    ValueError: labels of this loss are -1 and +1, and there is 0
    """
    wrong = np.flatnonzero(np.abs(signs) != 1)
    if len(wrong):
        raise ValueError(f"labels of this loss are -1 and +1, and there is {np.asarray(signs)[wrong[0]]:g}")


def logistic(scores: Array, signs: Array) -> Derivatives:
    """``log(1 + exp(-s f))`` in nats.

    >>> value, slope, curvature = logistic(np.array([0.0]), np.array([1.0]))
    >>> round(float(value[0]), 6), float(slope[0]), float(curvature[0])  # log 2
    (0.693147, -0.5, 0.25)

    Args:
        scores: f, (n,).
        signs: s, -1 or +1, (n,).
    """
    margin = signs * scores
    miss = expit(-margin)
    return Derivatives(np.logaddexp(0.0, -margin), -signs * miss, miss * expit(margin))


def squared_hinge(scores: Array, signs: Array) -> Derivatives:
    """``max(0, 1 - s f)^2``; its second derivative jumps from 2 to 0 at the margin 1.

    >>> [part.tolist() for part in squared_hinge(np.array([0.5, 3.0]), np.array([-1.0, 1.0]))]
    [[2.25, 0.0], [3.0, -0.0], [2.0, 0.0]]

    Args:
        scores: f, (n,).
        signs: s, -1 or +1, (n,).
    """
    short = np.maximum(0.0, 1.0 - signs * scores)
    return Derivatives(short**2, -2.0 * signs * short, 2.0 * (short > 0))


def squared(scores: Array, targets: Array, scale: float = 1.0) -> Derivatives:
    """``((y - f) / scale)^2 / 2``.

    >>> [part.tolist() for part in squared(np.array([3.0]), np.array([1.0]), scale=2.0)]
    [[0.5], [0.5], [0.25]]

    Args:
        scores: f, (n,).
        targets: y, (n,).
        scale: unit of a residual.
    """
    residual = (scores - targets) / scale
    return Derivatives(residual**2 / 2, residual / scale, np.full(residual.shape, scale**-2))


def huber(scores: Array, targets: Array, threshold: float, scale: float = 1.0) -> Derivatives:
    """``r^2 / 2`` of residuals ``r = (f - y) / scale`` up to the threshold t, and ``t |r| - t^2 / 2`` beyond it.

    >>> [part.tolist() for part in huber(np.array([1.0, 5.0]), np.zeros(2), threshold=2.0)]
    [[0.5, 8.0], [1.0, 2.0], [1.0, 0.0]]

    Args:
        scores: f, (n,).
        targets: y, (n,).
        threshold: t, in units of the scale.
        scale: unit of a residual.

    Source: Huber 1964, Robust estimation of a location parameter.
    """
    residual = (scores - targets) / scale
    near = np.clip(residual, -threshold, threshold)
    inside = np.abs(residual) <= threshold
    return Derivatives(near * (residual - near / 2), near / scale, inside / scale**2)


def multinomial(scores: Array, labels: Array) -> Derivatives:
    """Cross-entropy of the softmax of k scores, in nats; its curvature is given by the probabilities.

    >>> value, slope, p = multinomial(np.zeros((1, 4)), np.array([2]))
    >>> round(float(value[0]), 6), slope.tolist(), p.tolist()  # log 4
    (1.386294, [[0.25, 0.25, -0.75, 0.25]], [[0.25, 0.25, 0.25, 0.25]])

    Args:
        scores: (n, k).
        labels: whole numbers below k, (n,).
    """
    logp = scores - logsumexp(scores)
    at = (np.arange(len(labels)), np.asarray(labels, dtype=np.int64))
    p = np.exp(logp)
    slope = p.copy()
    slope[at] -= 1.0
    return Derivatives(-logp[at], slope, p)


def curved(curvature: Array, directions: Array) -> Array:
    """Second derivative of a loss along directions of its scores, (n, k).

    >>> curved(np.array([0.5]), np.array([[2.0]])).tolist()
    [[1.0]]
    >>> curved(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])).tolist()  # diag(p) - p p^T of two classes
    [[0.25, -0.25]]

    Args:
        curvature: of one score, (n,), or probabilities of k, (n, k).
        directions: (n, k).
    """
    if curvature.ndim == 1:
        return np.asarray(curvature[:, None] * directions)
    return np.asarray(curvature * (directions - (curvature * directions).sum(1, keepdims=True)))


@dataclass(frozen=True)
class LinearLoss:
    """A loss by name, with its settings.

    >>> LinearLoss("logistic").bounds.curvature
    0.25

    Args:
        name: of the loss.
        scale: unit of a residual, of 'squared' and 'huber'.
        threshold: of 'huber'.
    """

    name: Name
    scale: float = 1.0
    threshold: float = math.inf

    @property
    def signed(self) -> bool:
        """Return whether its labels are -1 and +1."""
        return self.name in ("logistic", "squared_hinge")

    @property
    def bounds(self) -> Bounds:
        """Bounds of its derivatives.

        Of ``log(1 + exp(-m))`` the third derivative is largest where ``expit(m) = (1 + 1 / sqrt(3)) / 2``: 1 / (6 sqrt(3)).
        Of several scores the slope ``p - e_y`` is at most sqrt(2) long, and ``diag(p) - p p^T`` has no eigenvalue above 1/2. Its
        change along v is, between u and u, the mean of ``(u_k - u)^2 (v_k - v)`` about means under p: at most the largest
        deviation of v, sqrt(2) |v|, times the variance of u, |u|^2 / 2.
        """
        unit = self.scale**-2
        return {
            "logistic": Bounds(1.0, 0.25, 1 / (6 * math.sqrt(3))),
            "multinomial": Bounds(math.sqrt(2), 0.5, math.sqrt(0.5)),
            "squared": Bounds(math.inf, unit, 0.0),
            "squared_hinge": Bounds(math.inf, 2.0, math.inf),
            "huber": Bounds(self.threshold / self.scale, unit, math.inf),
        }[self.name]

    def derivatives(self, scores: Array, targets: Array) -> Derivatives:
        """Of scores (n, k) and targets (n,); slopes come as (n, k)."""
        if self.name == "multinomial":
            return multinomial(scores, targets)
        one = scores[:, 0]
        if self.name == "logistic":
            made = logistic(one, targets)
        elif self.name == "squared_hinge":
            made = squared_hinge(one, targets)
        elif self.name == "squared":
            made = squared(one, targets, self.scale)
        else:
            made = huber(one, targets, self.threshold, self.scale)
        return made._replace(slope=made.slope[:, None])
