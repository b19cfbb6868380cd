"""Losses and log-likelihoods of numbers that are predicted with Gaussian noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def losses(prediction: Array, targets: Array, scale: float) -> Array:
    """``0.5 * ((y - f) / scale) ** 2`` in nats, (m, n): the negative log-likelihood less what no prediction changes.

    Args:
        prediction: f of m models on n examples, (m, n).
        targets: y, (n,).
        scale: standard deviation of the noise, in the unit of the targets.

    Example:
        >>> losses(np.array([[1.0, 4.0]]), np.array([1.0, 2.0]), scale=2.0).tolist()
        [[0.0, 0.5]]
    """
    wide = np.asarray(prediction, dtype=np.float64)
    return np.asarray(0.5 * ((np.asarray(targets, dtype=np.float64) - wide) / scale) ** 2)


def relative_likelihoods(prediction: Array, targets: Array, scale: float) -> Array:
    """``N(y; f, scale ** 2) / N(f; f, scale ** 2)``, (m, n): ``exp(-loss)``, in [0, 1], 1 where the two meet.

    Example:
        >>> relative_likelihoods(np.array([[3.0, 2.0]]), np.array([3.0, 3.0]), scale=1.0).round(4).tolist()
        [[1.0, 0.6065]]
    """
    return np.asarray(np.exp(-losses(prediction, targets, scale)))


def log_likelihoods(prediction: Array, targets: Array, scale: float) -> Array:
    """``log N(y; f, scale ** 2)`` in nats, (m, n): the logarithm of a density, so it may be above 0.

    Example:
        >>> round(float(log_likelihoods(np.array([[3.0]]), np.array([3.0]), scale=1.0)[0, 0]), 6)
        -0.918939
    """
    return np.asarray(-losses(prediction, targets, scale) - math.log(scale) - 0.5 * math.log(2 * math.pi))
