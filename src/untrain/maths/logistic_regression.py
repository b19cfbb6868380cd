"""Logistic regression on one feature, many at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def logistic(x: Array, y: Array, c: float = 1.0, steps: int = 100) -> tuple[Array, Array]:
    """Slope and intercept, (r,) each, that minimise ``slope^2 / 2 + c sum log(1 + exp(-t (slope x + intercept)))``, t = 2y - 1.

    Newton's method with halved steps, on all rows at once.

    The slope w solves ``w = 2 / (1 + exp(w))``:

    >>> slope, intercept = logistic(np.array([[-1.0, 1.0]]), np.array([[0, 1]]))
    >>> round(float(slope[0]), 4), abs(round(float(slope[0] * (1 + np.exp(slope[0]))), 4))
    (0.6748, 2.0)

    Args:
        x: (r, n).
        y: 0 or 1, (r, n).
        c: weight of the losses, as scikit-learn's ``C``.
        steps: at most so many.
    """
    sign = 2.0 * y - 1
    w = np.zeros((len(x), 2))

    def cost(w: Array) -> Array:
        return np.asarray(w[:, 0] ** 2 / 2 + c * np.logaddexp(0, -sign * (w[:, :1] * x + w[:, 1:])).sum(1))

    now = cost(w)
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(w[:, :1] * x + w[:, 1:], -500, 500)))
        d, h = c * (p - y), c * p * (1 - p)
        g = np.stack([(d * x).sum(1) + w[:, 0], d.sum(1)], axis=1)
        a, b, e = (h * x * x).sum(1) + 1, (h * x).sum(1), h.sum(1) + 1e-12
        whole = a * e - b * b
        step = np.stack([e * g[:, 0] - b * g[:, 1], a * g[:, 1] - b * g[:, 0]], axis=1) / whole[:, None]
        size = np.ones((len(x), 1))
        for _ in range(40):
            after = cost(w - size * step)
            worse = after > now + 1e-12 * np.abs(now)
            if not worse.any():
                break
            size[worse] /= 2
        w, now = np.where(worse[:, None], w, w - size * step), np.where(worse, now, after)
        if (np.abs(size * step).max() if len(step) else 0.0) < 1e-10:
            break
    return w[:, 0], w[:, 1]
