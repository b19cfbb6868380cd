"""Changes of accuracy and loss that are within the noise of their measurement, and those that are damage."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

ERRORS = 3.0  # standard errors of an accuracy by which it may fall
LEAST_FALL, LEAST_RISE = 0.01, 0.1  # what is allowed in any case: a point of accuracy, and nats of loss
PART = 0.25  # of what a model gains on retained rows by having learned them


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


def allowed_rise(retained: float, unseen: float) -> float:
    """Largest rise in nats of the mean loss on retained rows that is not damage: a quarter of what they gain by being learned.

    That gain is the mean loss on unseen rows less that on retained ones: a model that lost all that it knows of retained rows
    beyond what it knows of any would rise by about as much. At least a tenth of a nat is allowed. Nothing is for noise: the rows
    that are measured are those that count.

    >>> allowed_rise(0.1, 0.3), allowed_rise(0.1, 1.3), allowed_rise(0.1, math.nan)
    (0.1, 0.3, 0.1)

    Args:
        retained: mean loss on retained rows before.
        unseen: mean loss on unseen rows before; NaN where there are none.
    """
    gain = unseen - retained
    return LEAST_RISE if math.isnan(gain) else max(LEAST_RISE, PART * gain)


def allowed_unseen_rise(changes: np.ndarray[Any, Any]) -> float:
    """Largest rise in nats of the mean loss on unseen rows that is not damage: three standard errors, at least a tenth of a nat.

    The changes of single rows are compared, so that rows which are hard for both models do not widen it. Where a model is as good,
    their mean is about normal around 0, and exceeds three of its standard errors in 0.14 % of cases.

    >>> [round(allowed_unseen_rise(np.array([size, -size, size, -size])), 3) for size in (0.01, 2.0)]
    [0.1, 3.464]

    Args:
        changes: loss after less loss before, of each row, (n,).
    """
    count = len(changes)
    error = float(np.std(changes, ddof=1)) / math.sqrt(count) if count > 1 else 0.0
    return max(LEAST_RISE, ERRORS * error)
