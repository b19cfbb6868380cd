"""Changes of accuracy and loss that are within the noise of their measurement, and those that are damage."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
ERRORS = 3.0  # standard errors of an accuracy by which it may fall
LEAST_FALL, LEAST_RISE = 0.01, 0.1  # what is allowed however many rows measure it: a point of accuracy, and nats of loss


def share_error(hits: int, rows: int) -> float:
    """Standard error of a share, ``sqrt(p (1 - p) / n)`` with ``p = (hits + 1) / (n + 2)``, which is never 0.

    >>> round(share_error(50, 98), 4)
    0.0505

    Source: Laplace 1774 (the rule of succession).
    """
    p = (hits + 1) / (rows + 2)
    return math.sqrt(p * (1 - p) / rows)


def allowed_fall(hits: int, rows: int) -> float:
    """Largest fall of an accuracy that is not damage: three standard errors, at least one point.

    Two models of the same true accuracy differ on the same rows by a number of standard deviation ``sqrt(2)`` standard errors at
    most, where they err independently. So a model that is as good exceeds this in at most 1.7 % of cases, the normal tail above
    ``3 / sqrt(2)``.

    >>> round(allowed_fall(900, 1000), 4), allowed_fall(99_000, 100_000)
    (0.0286, 0.01)
    """
    return max(LEAST_FALL, ERRORS * share_error(hits, rows))


def allowed_rise(changes: Array) -> float:
    """Largest rise of a mean loss in nats that is not damage: three standard errors of the mean change, at least a tenth of a nat.

    >>> allowed_rise(np.zeros(10)), round(allowed_rise(np.array([-1.0, 1.0])), 4)
    (0.1, 3.0)

    Args:
        changes: of the loss of each row, (n,).
    """
    error = float(changes.std(ddof=1)) / math.sqrt(len(changes)) if len(changes) > 1 else 0.0
    return max(LEAST_RISE, ERRORS * error)
