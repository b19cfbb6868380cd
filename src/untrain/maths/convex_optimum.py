"""The one minimum of a convex objective, to the last digits, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.newton import Minimum, newton
from untrain.maths.newton_models import HessianDiagonal, SampledHessian, WholeHessian, centred

Array = np.ndarray[Any, Any]
DENSE = 4096  # weights up to which the Hessian is written down
SPARSE = 512  # weights from which on products with sparse rows are cheaper than a Hessian, which is not sparse
WORK = 1e11  # operations of a Hessian from which on a sample of the rows stands for it
BEYOND = 100  # how far below the tolerance it tries to come
NEAR = 1e-6  # longest step, as a share of the weights, that an optimum may still be off
ROUNDS = 60  # working sets
JOINING = 100  # columns that join a working set at least, where so many pull
MANY = f"without a penalty {DENSE:,} weights are the most that are solved for (give l2 > 0)"
NONE = "there is no single minimum: columns are collinear, or classes are separated, and no squared penalty decides (give l2 > 0)"


@dataclass(frozen=True, eq=False)
class Optimum:
    """The end of a minimisation, and whether that is the optimum.

    Args:
        weights: (size,).
        gradient: length of the gradient there; with an absolute penalty, of the shortest subgradient.
        left: length of the step that would come next: about how far the optimum is.
        steps: of Newton's method.
        failure: why it is not the one optimum; empty where it is.
    """

    weights: Array
    gradient: float
    left: float
    steps: int
    failure: str = ""


def optimum(objective: ConvexObjective, tolerance: float = 1e-10, start: Array | None = None) -> Optimum:
    """The minimum of a convex objective, by Newton's method; with an absolute penalty, by exact minima of quadratic models.

    Up to ``DENSE`` weights the equations are solved by a Cholesky factor, or, where the Hessian of all rows is long to compute, by
    conjugate gradients with that of a sample. Above, and of sparse rows above ``SPARSE``, conjugate gradients take its diagonal;
    with an absolute penalty, the columns whose weights are not 0 are found in rounds. The gradient of the objective itself decides
    whether it is an optimum.

    A quarter of ``(w - 1)^2 + (w - 3)^2 + 2 w^2`` is smallest at 1:

    >>> from untrain.maths.design_matrix import DesignMatrix
    >>> from untrain.maths.linear_losses import LinearLoss
    >>> rows = DesignMatrix.of(np.array([[1.0], [1.0]]), intercept=False)
    >>> found = optimum(ConvexObjective(rows, np.array([1.0, 3.0]), LinearLoss("squared"), l2=1.0))
    >>> found.weights.round(12).tolist(), found.gradient < 1e-12, found.failure
    ([1.0], True, '')

    Args:
        objective: what to minimise.
        tolerance: largest length of the gradient of an optimum.
        start: weights to begin with, (size,); None for 0.
    """
    begin = np.zeros(objective.size) if start is None else np.asarray(start, dtype=np.float64)
    if objective.size > DENSE and objective.l1 == 0 and objective.l2 == 0:
        return _failed(objective, begin, MANY)
    try:
        made = _working_sets if objective.size > DENSE and objective.l1 > 0 else _newton
        found, unique = made(objective, begin, tolerance)
    except np.linalg.LinAlgError:
        return _failed(objective, begin, NONE)
    except _TooMany as many:
        return _failed(objective, begin, str(many))
    weights = centred(objective, found.point)
    gradient = float(np.linalg.norm(objective.at(weights).slope))
    if not unique or (gradient <= tolerance and found.left > NEAR * (1 + float(np.linalg.norm(weights)))):
        failure = NONE
    else:
        failure = "" if gradient <= tolerance else f"the gradient has length {gradient:.1e}, and no step makes it smaller"
    return Optimum(weights, gradient, found.left, found.steps, failure)


class _TooMany(Exception):
    """More weights are not 0 than can be solved at once."""


def _failed(objective: ConvexObjective, weights: Array, reason: str) -> Optimum:
    return Optimum(weights, float(np.linalg.norm(objective.at(weights).slope)), float("inf"), 0, reason)


def _newton(objective: ConvexObjective, start: Array, tolerance: float) -> tuple[Minimum, bool]:
    """The minimum, and whether its curvature decides all weights."""
    model: WholeHessian | SampledHessian | HessianDiagonal
    thin = objective.rows.sparse and objective.size > SPARSE and objective.l1 == 0 and objective.l2 > 0
    if objective.size > DENSE or thin:
        model = HessianDiagonal(objective)
        found = newton(objective.at, model, start, tolerance / BEYOND)
        if objective.size > DENSE or found.slope <= tolerance:
            return found, model.decides(found.point)
        start = found.point
    model = SampledHessian(objective) if objective.l1 == 0 and _work(objective) > WORK else WholeHessian(objective)
    found = newton(objective.at, model, start, tolerance / BEYOND)
    return found, model.decides(found.point)


def _work(objective: ConvexObjective) -> float:
    k = objective.outputs
    return float(objective.rows.rows) * objective.rows.width**2 * k * (k + 1) / 2


def _working_sets(objective: ConvexObjective, start: Array, tolerance: float) -> tuple[Minimum, bool]:
    """The minimum for the columns whose weights are not 0; those whose pull is too large join until there is none.

    Raises:
        numpy.linalg.LinAlgError: columns of the support are collinear.
    """
    weights, steps, left, unique = start.copy(), 0, 0.0, True
    ones = np.arange(objective.rows.columns, objective.rows.width)
    for _ in range(ROUNDS):
        slope = objective.folded(objective.at(weights).slope)
        if float(np.linalg.norm(slope)) <= tolerance:
            break
        used = np.flatnonzero(np.any(objective.folded(weights) != 0, axis=0))
        pull = np.linalg.norm(slope, axis=0)
        pull[used] = 0.0
        joining = np.argsort(-pull)[: max(JOINING, len(used))]
        columns = np.union1d(np.union1d(used, joining[pull[joining] > 0]), ones).astype(np.int64)
        if len(columns) * objective.outputs > DENSE:
            raise _TooMany(f"more than {DENSE} weights are not 0, which are too many to solve at once: give a larger l1")
        tilt = None if objective.tilt is None else objective.folded(objective.tilt)[:, columns].ravel()
        part = replace(objective, rows=objective.rows.restricted(columns), tilt=tilt)
        found, unique = _newton(part, objective.folded(weights)[:, columns].ravel(), tolerance)
        folded = np.zeros_like(slope)
        folded[:, columns] = part.folded(found.point)
        weights, steps, left = folded.ravel(), steps + found.steps, found.left
    return Minimum(weights, float(np.linalg.norm(slope)), left, steps), unique
