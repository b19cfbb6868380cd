"""The largest eigenvalue of a matrix that is known by what it does to a vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.maths.conjugate_gradients import Operator

Array = np.ndarray[Any, Any]


def largest_eigenvalue(times: Operator, start: Array, steps: int) -> float:
    """Length of the product with the last of some unit vectors, each the direction of the one before times A.

    For a symmetric A it is at most the largest size of an eigenvalue, and comes near it from below.

    >>> round(largest_eigenvalue(lambda v: np.array([3.0, 1.0]) * v, np.array([1.0, 1.0]), steps=10), 6)
    3.0

    Args:
        times: v -> A v, (d,).
        start: (d,), not 0, such as random numbers.
        steps: products with A, at least one.

    Source: von Mises and Pollaczek-Geiringer 1929, power iteration.
    """
    v, length = start / np.linalg.norm(start), 0.0
    for _ in range(steps):
        product = times(v)
        length = float(np.linalg.norm(product))
        if not length:
            return 0.0
        v = product / length
    return length
