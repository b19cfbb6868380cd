"""Linear equations by the Neumann series of their matrix, which may be that of another sample at each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.maths.conjugate_gradients import Operator, Solution

Array = np.ndarray[Any, Any]
FAR = 1e3  # times the right side's length, beyond which a residual comes back no more


def lissa(times: Operator, b: Array, scale: float, tolerance: float = 1e-10, steps: int = 10_000) -> Solution:
    """Solve ``A x = b`` by ``x <- x + (b - A x) / scale`` from ``x = b / scale``, for a symmetric A with positive eigenvalues.

    It converges if, and only if, ``scale`` is more than half the largest eigenvalue; where A is the mean of many examples, each
    product may be one with the mean of some of them, and the answer is then as noisy as these are. A residual that grows ends it.

    >>> a = np.diag([1.0, 2.0])
    >>> lissa(lambda v: a @ v, np.array([1.0, 4.0]), scale=2.0).x.round(9).tolist()
    [1.0, 2.0]
    >>> lissa(lambda v: a @ v, np.array([1.0, 4.0]), scale=0.9).converged
    False

    Args:
        times: v -> A v, (d,).
        b: (d,).
        scale: more than half the largest eigenvalue of A; steps are shorter the larger it is.
        tolerance: length of the residual to stop at, as a share of that of b.
        steps: at most so many products.

    Returns:
        The answer; ``residual`` is that before the last step, infinite where it overflowed.

    Source: Agarwal et al. 2017, arXiv 1602.03943, algorithm 1; Koh and Liang 2017, arXiv 1703.04730, section 3. There u is
        ``scale`` times x.
    """
    x, length = b / scale, float(np.linalg.norm(b))
    if not length:
        return Solution(x, 0.0, 0, True)
    left = length
    for step in range(1, steps + 1):
        with np.errstate(over="ignore", invalid="ignore"):
            residual = b - times(x)
            left = float(np.linalg.norm(residual))
        if left <= tolerance * length:
            return Solution(x, left, step, True)
        if not left <= FAR * length:
            return Solution(x, left if np.isfinite(left) else float("inf"), step, False)
        x = x + residual / scale
    return Solution(x, left, steps, False)
