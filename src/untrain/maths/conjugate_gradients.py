"""Linear equations whose positive matrix is known by what it does to a vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Operator = Callable[[Array], Array]


class Solution(NamedTuple):
    """An answer, and how good it is.

    Args:
        x: (d,).
        residual: length of ``b - A x`` as the recurrence has it.
        steps: products with A that it took.
        converged: whether the residual is as small as requested.
    """

    x: Array
    residual: float
    steps: int
    converged: bool


def conjugate_gradients(
    times: Operator, b: Array, precondition: Operator | None = None, tolerance: float = 1e-10, steps: int = 1_000
) -> Solution:
    """Solve ``A x = b`` for a symmetric A without negative eigenvalues.

    With exact arithmetic it takes as many steps as A has different eigenvalues:

    >>> a = np.diag([1.0, 4.0, 4.0])
    >>> found = conjugate_gradients(lambda v: a @ v, np.array([1.0, 4.0, 8.0]))
    >>> found.x.round(12).tolist(), found.steps, found.converged
    ([1.0, 1.0, 2.0], 2, True)

    Args:
        times: v -> A v, (d,).
        b: (d,).
        precondition: v -> M v with M positive and near the inverse of A; None for none.
        tolerance: length of the residual to stop at, as a share of that of b.
        steps: at most so many products.

    Source: Hestenes and Stiefel 1952.
    """
    x = np.zeros_like(b)
    residual = b.copy()
    goal = tolerance * float(np.linalg.norm(b))
    length = float(np.linalg.norm(residual))
    if length <= goal:
        return Solution(x, length, 0, True)
    ready = residual if precondition is None else precondition(residual)
    along, strength = ready.copy(), float(residual @ ready)
    for step in range(1, steps + 1):
        product = times(along)
        curvature = float(along @ product)
        if curvature <= 0:  # a direction that A does not see; of the answer it holds nothing that can be found
            return Solution(x, length, step, False)
        x = x + strength / curvature * along
        residual = residual - strength / curvature * product
        length = float(np.linalg.norm(residual))
        if length <= goal:
            return Solution(x, length, step, True)
        ready = residual if precondition is None else precondition(residual)
        strength, before = float(residual @ ready), strength
        along = ready + strength / before * along
    return Solution(x, length, steps, False)
