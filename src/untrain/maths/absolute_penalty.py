"""Absolute penalties: the condition of a minimum, and exact minima of quadratics."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from untrain.maths.lasso import lasso
from untrain.maths.positive_factor import PositiveFactor

Array = np.ndarray[Any, Any]
NEAR = 1e-6  # share of the largest pull to which FISTA goes before the support is solved exactly
ROUNDING = 1e-12


def shrunk(values: Array, strengths: Array) -> Array:
    """The minimum of ``(w - v)^2 / 2 + s |w|`` in each place: values moved towards 0 by the strengths, and not beyond.

    >>> shrunk(np.array([3.0, -0.5]), np.array([1.0, 1.0])).tolist()
    [2.0, -0.0]
    """
    return np.asarray(np.sign(values) * np.maximum(np.abs(values) - strengths, 0.0))


def shortest_subgradient(weights: Array, gradient: Array, strengths: Array) -> Array:
    """The shortest of the subgradients of ``f(w) + sum s |w|``, (d,); it is 0 at the minimum, and only there.

    >>> w, g = np.array([2.0, 0.0, 0.0]), np.array([-1.0, 0.5, -3.0])
    >>> shortest_subgradient(w, g, np.ones(3)).tolist()
    [0.0, 0.0, -2.0]

    Args:
        weights: w, (d,).
        gradient: of f, (d,).
        strengths: s, (d,), each >= 0.
    """
    return np.asarray(np.where(weights == 0, shrunk(gradient, strengths), gradient + strengths * np.sign(weights)))


def quadratic_minimum(hessian: Array, linear: Array, strengths: Array, start: Array) -> Array:
    """The minimum of ``w^T H w / 2 - c^T w + sum s |w|``, (d,), to rounding.

    FISTA finds about where it is. From there the equations of the support are solved: a weight that would change its sign leaves,
    the one whose pull exceeds its strength most joins, until neither is left.

    >>> quadratic_minimum(np.eye(3), np.array([3.0, 0.5, 2.0]), np.array([1.0, 1.0, 0.0]), np.zeros(3)).tolist()
    [2.0, 0.0, 2.0]

    Args:
        hessian: H, symmetric without negative eigenvalues, (d, d).
        linear: c, (d,).
        strengths: s, (d,), each 0 or one and the same number.
        start: where to begin, (d,).

    Raises:
        numpy.linalg.LinAlgError: columns of the support are collinear, so that there are many minima.

    Source: Beck and Teboulle 2009 (FISTA); Lee, Battle, Raina and Ng 2006, Efficient sparse coding algorithms (exact part).
    """
    weights = _approximate(hessian, linear, strengths, start)
    signs = np.sign(weights)
    free = strengths == 0
    for _ in range(10 * len(linear) + 100):
        weights, signs = _on_support(hessian, linear, strengths, weights, signs, free)
        pull = linear - hessian @ weights
        excess = np.where((weights == 0) & ~free, np.abs(pull) - strengths, 0.0)
        worst = int(excess.argmax())
        if excess[worst] <= ROUNDING * max(1.0, float(np.abs(linear).max())):
            break
        signs[worst] = np.sign(pull[worst])
    return weights


def _on_support(hessian: Array, linear: Array, strengths: Array, weights: Array, signs: Array, free: Array) -> tuple[Array, Array]:
    """The minimum among weights of these signs, and the signs that are left."""
    weights, signs = weights.copy(), signs.copy()
    while True:
        support = np.flatnonzero(free | (signs != 0))
        if len(support) == 0:
            return np.zeros_like(weights), signs
        aim = np.zeros_like(weights)
        factor = PositiveFactor.of(hessian[np.ix_(support, support)])
        aim[support] = factor.solve((linear - strengths * signs)[support])
        turned = np.flatnonzero(~free & (signs != 0) & (aim * signs < 0))
        if len(turned) == 0:
            return aim, np.where(free, 0.0, np.sign(aim))
        # Up to where the first weight reaches 0; one that stands there and would turn leaves at once.
        ways = weights[turned] / (weights[turned] - aim[turned])
        first = float(ways.min())
        weights = weights + first * (aim - weights)
        gone = turned[ways <= first]
        weights[gone] = 0.0
        signs[gone] = 0.0


def _approximate(hessian: Array, linear: Array, strengths: Array, start: Array) -> Array:
    """The minimum by FISTA to some digits; weights without a penalty are expressed by the others before, exactly."""
    free = strengths == 0
    if free.all():
        return start
    matrix, c = hessian[np.ix_(~free, ~free)], linear[~free]
    if free.any():
        across = hessian[np.ix_(~free, free)]
        inner = PositiveFactor.of(hessian[np.ix_(free, free)]).solve(np.column_stack([across.T, linear[free]]))
        matrix, c = matrix - across @ inner[:, :-1], c - across @ inner[:, -1]
    (strength,) = np.unique(strengths[~free])
    gram, cross, begin = (torch.from_numpy(part.copy()) for part in (matrix, c[:, None], start[~free][:, None]))
    found = lasso(gram, cross, torch.tensor([strength], dtype=torch.float64), begin, tolerance=NEAR)[:, 0].numpy()
    weights = np.zeros_like(start)
    weights[~free] = found
    if free.any():
        weights[free] = inner[:, -1] - inner[:, :-1] @ found
    return weights
