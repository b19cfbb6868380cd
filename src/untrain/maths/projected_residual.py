"""The part of a Newton step without some examples that lies in the span of their inputs, from a k x k system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def projected_step(rows: Array, slopes: Array, curvatures: Array, solve: Callable[[Array], Array]) -> Array:
    """The shortest change of weights, (q, p), that gives the removed rows the scores that a Newton step without them would.

    Without row i of leverage h a fitted score is off by ``h / (1 - h)`` times its residual: of k rows h is a matrix, so the scores
    come of it alone. Weights that have them are not unique, and the shortest change is the step's projection onto the rows' span.

    Without the second of the numbers 1 and 3, whose mean is 2, that number is predicted as 1:

    >>> step = projected_step(np.ones((1, 1)), np.array([[-1.0]]), np.ones((1, 1, 1)), lambda b: b / 2)
    >>> step.tolist()
    [[-1.0]]

    Args:
        rows: that go, (k, p).
        slopes: of their losses in their q scores, (k, q).
        curvatures: second derivatives of these, (k, q, q).
        solve: b -> H^-1 b, (q p, j), of the Hessian of all, where losses are added up.

    Raises:
        numpy.linalg.LinAlgError: a row decides a score alone, so that its leverage is 1.

    Source: Izzo et al. 2021, arXiv 2002.10077, theorem 1 and algorithm 2.
    """
    (k, p), q = rows.shape, slopes.shape[1]
    # Row i and score a stand at place i q + a, and weights of score a at places from a p on.
    spread = np.einsum("ij,ab->ajib", rows, np.eye(q)).reshape(q * p, k * q)
    leverage = spread.T @ solve(spread)
    curved = np.zeros((k, q, k, q))
    curved[np.arange(k), :, np.arange(k), :] = curvatures
    left = np.eye(k * q) - leverage @ curved.reshape(k * q, k * q)
    if np.linalg.svd(left, compute_uv=False)[-1] < ALONE:
        raise np.linalg.LinAlgError("a removed example decides a score alone")
    scores = np.linalg.solve(left, leverage @ slopes.ravel()).reshape(k, q)
    return np.asarray(np.linalg.lstsq(rows, scores, rcond=None)[0].T)


ALONE = 1e-9  # one less a leverage, below which it is 1
