"""Quadratic models of a convex objective, by which Newton's method takes its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from untrain.maths.absolute_penalty import quadratic_minimum
from untrain.maths.conjugate_gradients import conjugate_gradients
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.newton import Local, Proposal
from untrain.maths.positive_factor import PositiveFactor

Array = np.ndarray[Any, Any]
Propose = Callable[[Array, Local], Proposal]
SAMPLE = 20  # rows per weight of a score, of which a sample's Hessian is taken
DAMPING = (0.0, 1e-10, 1e-7, 1e-4, 1e-2)  # shares of the largest curvature that are added where there is none


class WholeHessian:
    """Models with the Hessian of all rows; with an absolute penalty their minima are exact."""

    def __init__(self, objective: ConvexObjective):
        self.objective = objective
        self.kept: Array | None = None

    def matrix(self, point: Array) -> Array:
        """The Hessian, with curvature along directions of several scores that change no loss."""
        if self.kept is None or self.objective.loss.name != "squared":
            self.kept = anchored(self.objective, self.objective.hessian(point))
        return self.kept

    def decides(self, point: Array) -> bool:
        """Return whether the curvature at a minimum is positive in every direction; of an absolute penalty, along the support."""
        matrix = self.matrix(point)
        places = slice(None) if self.objective.l1 == 0 else np.flatnonzero((point != 0) | (self.objective.penalised == 0))
        return _is_positive(matrix[places][:, places])

    def __call__(self, point: Array, at: Local) -> Propose:
        matrix = self.matrix(point)
        if self.objective.l1 > 0:
            return lambda point, at: _with_absolute(self.objective, matrix, point, at)
        return _stepping(damped(matrix).solve)


class SampledHessian:
    """Models that conjugate gradients solve with the factor of the Hessian of a part of the rows."""

    def __init__(self, objective: ConvexObjective):
        self.objective = objective
        every = max(1, objective.rows.rows // (SAMPLE * objective.rows.width))
        self.part = objective.sampled(every)
        self.scale = 1.0 if objective.mean else float(every)

    def decides(self, point: Array) -> bool:
        """Return whether the curvature of the part of the rows is positive in every direction, so that that of all is."""
        return _is_positive(anchored(self.objective, self.part.hessian(point)))

    def __call__(self, point: Array, at: Local) -> Propose:
        factor = damped(anchored(self.objective, self.part.hessian(point)))
        return _by_gradients(self.objective, point, lambda v: factor.solve(v) / self.scale)


class HessianDiagonal:
    """Models that conjugate gradients solve with the Hessian's diagonal, which is all of it that is written down."""

    def __init__(self, objective: ConvexObjective):
        self.objective = objective

    def decides(self, point: Array) -> bool:
        """Return whether weights without a squared penalty, which are intercepts, have curvature."""
        return self.objective.l2 > 0 and bool((self.objective.diagonal(point) > 0).all())

    def __call__(self, point: Array, at: Local) -> Propose:
        diagonal = self.objective.diagonal(point)
        held = np.where(diagonal > 0, diagonal, 1.0)
        return _by_gradients(self.objective, point, lambda v: v / held)


def anchored(objective: ConvexObjective, matrix: Array) -> Array:
    """A Hessian with curvature along the mean over scores of weights without a penalty, which changes no loss of several.

    >>> from untrain.maths.design_matrix import DesignMatrix
    >>> from untrain.maths.linear_losses import LinearLoss
    >>> rows = DesignMatrix.of(np.ones((1, 1)), intercept=False)
    >>> two = ConvexObjective(rows, np.array([0]), LinearLoss("multinomial"), outputs=2)
    >>> plain = two.hessian(np.zeros(2))
    >>> np.linalg.eigvalsh(plain).round(9).tolist(), np.linalg.eigvalsh(anchored(two, plain)).round(9).tolist()
    ([0.0, 0.5], [0.25, 0.5])
    """
    if objective.loss.name != "multinomial":
        return matrix
    k, p = objective.outputs, objective.rows.width
    folded = matrix.reshape(k, p, k, p).copy()
    size = float(np.diagonal(matrix).mean()) / k
    for column in loose(objective):
        folded[:, column, :, column] += size
    return folded.reshape(k * p, k * p)


def loose(objective: ConvexObjective) -> Array:
    """Columns whose weights have no penalty, so that of several scores the mean is not decided.

    >>> from untrain.maths.design_matrix import DesignMatrix
    >>> from untrain.maths.linear_losses import LinearLoss
    >>> rows = DesignMatrix.of(np.ones((1, 1)), intercept=True)
    >>> loose(ConvexObjective(rows, np.array([0]), LinearLoss("multinomial"), outputs=2, l2=1.0)).tolist()
    [1]
    """
    free = objective.penalised == 0 if objective.l1 + objective.l2 > 0 else np.ones(objective.size, dtype=bool)
    return np.flatnonzero(objective.folded(free)[0])


def centred(objective: ConvexObjective, weights: Array) -> Array:
    """Weights whose mean over several scores no loss and no penalty decides, less that mean.

    >>> from untrain.maths.design_matrix import DesignMatrix
    >>> from untrain.maths.linear_losses import LinearLoss
    >>> rows = DesignMatrix.of(np.ones((1, 1)), intercept=False)
    >>> centred(ConvexObjective(rows, np.array([0]), LinearLoss("multinomial"), outputs=2), np.array([1.0, 4.0])).tolist()
    [-1.5, 1.5]
    """
    if objective.loss.name != "multinomial":
        return weights
    folded, columns = objective.folded(weights).copy(), loose(objective)
    folded[:, columns] -= folded[:, columns].mean(0)
    return folded.ravel()


def damped(matrix: Array) -> PositiveFactor:
    """A factor of a matrix, with something added to its diagonal where it is singular, as where a loss has no curvature.

    >>> damped(np.zeros((1, 1))).solve(np.array([1.0])).tolist()
    [1.0]
    """
    largest = float(np.diagonal(matrix).max())
    for share in DAMPING if largest > 0 else ():
        try:
            return PositiveFactor.of(matrix + share * largest * np.eye(len(matrix)) if share else matrix)
        except np.linalg.LinAlgError:
            continue
    return PositiveFactor.of(np.eye(len(matrix)) * (largest or 1.0))


def _is_positive(matrix: Array) -> bool:
    try:
        PositiveFactor.of(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def _stepping(solve: Callable[[Array], Array]) -> Propose:
    def propose(point: Array, at: Local) -> Proposal:
        step = solve(at.slope)
        return Proposal(point - step, float(at.slope @ step))

    return propose


def _with_absolute(objective: ConvexObjective, matrix: Array, point: Array, at: Local) -> Proposal:
    smooth, strengths = np.asarray(at.smooth), objective.strengths
    aim = quadratic_minimum(matrix, matrix @ point - smooth, strengths, point)
    return Proposal(aim, -float(smooth @ (aim - point) + strengths @ (np.abs(aim) - np.abs(point))))


def _by_gradients(objective: ConvexObjective, point: Array, precondition: Callable[[Array], Array]) -> Propose:
    times = objective.hessian_times(point)

    def within(v: Array) -> Array:
        return centred(objective, precondition(centred(objective, v)))

    def solve(slope: Array) -> Array:
        # The nearer the optimum, the more digits a step needs; along what decides no loss there is rounding alone.
        digits = float(np.clip(np.sqrt(np.linalg.norm(slope)), 1e-4, 0.1))
        return conjugate_gradients(times, centred(objective, slope), within, digits).x

    return _stepping(solve)
