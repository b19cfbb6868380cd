"""Margins and confidences of answers of several tokens, derived from their mean loss."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
# Below it exp(-loss) is 1 in float32, in which losses are stored: the largest margin is 16.6.
LEAST = 2.0**-24


def confidences(loss: Array) -> Array:
    """Geometric mean of the probabilities of an answer's tokens, ``exp(-loss)``, of mean losses in nats.

    Example:
        >>> float(confidences(np.log(4.0)))
        0.25
    """
    return np.asarray(np.exp(-np.asarray(loss, dtype=np.float64)))


def margins(loss: Array) -> Array:
    """``log p - log(1 - p)`` with ``p = exp(-loss)``, of mean losses in nats per token; at most 16.6.

    Example:
        >>> float(margins(np.log(2.0)))
        0.0
    """
    wide = np.maximum(np.asarray(loss, dtype=np.float64), LEAST)
    return np.asarray(-wide - np.log(-np.expm1(-wide)))
