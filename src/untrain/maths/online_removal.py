"""Removals from a convex model and corrections of it, one after another, each in operations that depend on the weights alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from untrain.maths.conjugate_gradients import conjugate_gradients
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.newton_models import anchored
from untrain.maths.positive_factor import PositiveFactor
from untrain.maths.removal_bounds import RESIDUAL

Array = np.ndarray[Any, Any]
Data = Literal["corrected", "original"]
PRECISION = 1e-15  # of conjugate gradients, as a share of what they solve for
ROUNDS = 200  # of these at most; where half of the examples are left, about 20 are enough


@dataclass(frozen=True, eq=False)
class RemovalState:
    """State that removals need of a model at its optimum, and of those before them: neither examples nor noise.

    Args:
        weights: w, the optimum of all examples, (size,).
        factor: of ``c H``, of a Hessian H at w and c the number of examples at training, or 1 where losses are added up. With the
            Hessian of the corrected data curvatures of losses that went are taken out of it, and shares of the penalty are not.
        gone: sum of the gradients at w of what went, less that of what came in its place, (size,); of a mean with the shares of
            the penalty of what was removed.
        held: weight of the squared penalty of each weight, (size,).
        mean: whether losses are averaged.
        examples: number at training.
        removed: how many went.
        data: of which examples the Hessian is.
        corrected: how many were given other values.
    """

    weights: Array
    factor: PositiveFactor
    gone: Array
    held: Array
    mean: bool
    examples: int
    removed: int = 0
    data: Data = "corrected"
    corrected: int = 0


def removal_state(objective: ConvexObjective, weights: Array) -> RemovalState:
    """The state of a model at the optimum of an objective without an absolute penalty, before any removal.

    >>> from untrain.maths.design_matrix import DesignMatrix
    >>> from untrain.maths.linear_losses import LinearLoss
    >>> rows = DesignMatrix.of(np.ones((2, 1)), intercept=False)
    >>> state = removal_state(ConvexObjective(rows, np.array([1.0, 3.0]), LinearLoss("squared")), np.array([2.0]))
    >>> state.examples, state.removed
    (2, 0)

    Args:
        objective: of all examples; it is read once, for its Hessian.
        weights: the optimum, (size,).

    Raises:
        numpy.linalg.LinAlgError: the Hessian is singular.
        ValueError: there is an absolute penalty.
    """
    if objective.l1 > 0:
        raise ValueError("with an absolute penalty a step depends on the support, which no kept factor knows")
    count = objective.rows.rows
    matrix = anchored(objective, objective.hessian(weights)) / objective.share
    return RemovalState(
        weights, PositiveFactor.of(matrix), np.zeros_like(weights), objective.l2 * objective.penalised, objective.mean, count
    )  # fmt: skip


def removed(state: RemovalState, gone: ConvexObjective) -> RemovalState:
    """The state without some more examples.

    With the corrected data's Hessian the factor is down-dated by their losses' curvature at the kept weights, in about
    ``4 k size^2`` operations for k examples of one score; with the original one only gradients add up.

    >>> from untrain.maths.design_matrix import DesignMatrix
    >>> from untrain.maths.linear_losses import LinearLoss
    >>> def losses(y, mean=False):
    ...     rows = DesignMatrix.of(np.ones((len(y), 1)), intercept=False)
    ...     return ConvexObjective(rows, np.array(y), LinearLoss("squared"), mean=mean)
    >>> removed(removal_state(losses([1.0, 3.0], mean=True), np.array([2.0])), losses([3.0])).gone.tolist()  # 2 - 3
    [-1.0]

    Args:
        state: before.
        gone: their losses, added up, without penalties.

    Raises:
        numpy.linalg.LinAlgError: what is left does not decide all weights.
        ValueError: none would be left.
    """
    count = gone.rows.rows
    if state.removed + count >= state.examples:
        raise ValueError(f"{state.removed + count} of {state.examples} examples are to be removed: at least one has to stay")
    share = count * state.held * state.weights if state.mean else 0.0
    return replace(
        state,
        factor=state.factor if state.data == "original" else state.factor.without(gone.hessian_halves(state.weights)),
        gone=state.gone + gone.smooth(state.weights).slope + share,
        removed=state.removed + count,
    )


def corrected(state: RemovalState, gone: ConvexObjective, come: ConvexObjective) -> RemovalState:
    """The state after some more examples got other values: as many come as go.

    With the corrected data's Hessian the factor is up-dated by the curvature of what comes and then down-dated by that of what
    goes, both at the kept weights.

    >>> from untrain.maths.design_matrix import DesignMatrix
    >>> from untrain.maths.linear_losses import LinearLoss
    >>> def losses(y, mean=False):
    ...     rows = DesignMatrix.of(np.ones((len(y), 1)), intercept=False)
    ...     return ConvexObjective(rows, np.array(y), LinearLoss("squared"), mean=mean)
    >>> before = removal_state(losses([1.0, 3.0], mean=True), np.array([2.0]))
    >>> weights_after(corrected(before, losses([3.0]), losses([9.0]))).round(12).tolist()  # of 1 and 9
    [5.0]

    Args:
        state: before.
        gone: losses of the examples as they were, added up, without penalties.
        come: those of what comes in their place.

    Raises:
        numpy.linalg.LinAlgError: the data do not decide all weights.
        ValueError: others come than go.
    """
    count = gone.rows.rows
    if come.rows.rows != count:
        raise ValueError(f"{come.rows.rows} examples replace {count}: each that goes needs one that replaces it")
    factor = state.factor
    if state.data == "corrected":  # first what comes, so that the matrix between is positive too
        factor = factor.with_more(come.hessian_halves(state.weights)).without(gone.hessian_halves(state.weights))
    change = gone.smooth(state.weights).slope - come.smooth(state.weights).slope
    return replace(state, factor=factor, gone=state.gone + change, corrected=state.corrected + count)


def weights_after(state: RemovalState) -> Array:
    """One Newton step from the optimum of all to that of what is left, or the jackknife's, (size,), in O(size^2) operations.

    Of three numbers whose mean is 3 without a penalty, 6 goes; what is left has the mean 1.5:

    >>> from untrain.maths.design_matrix import DesignMatrix
    >>> from untrain.maths.linear_losses import LinearLoss
    >>> def losses(y, mean=False):
    ...     rows = DesignMatrix.of(np.ones((len(y), 1)), intercept=False)
    ...     return ConvexObjective(rows, np.array(y), LinearLoss("squared"), mean=mean)
    >>> before = removal_state(losses([1.0, 2.0, 6.0], mean=True), np.array([3.0]))
    >>> weights_after(removed(before, losses([6.0]))).round(12).tolist()
    [1.5]

    Of a mean, what is left has a smaller penalty as a whole, by which the factor is not changed: with it as preconditioner
    conjugate gradients have a condition number of at most n over the number of examples that are left.

    Raises:
        numpy.linalg.LinAlgError: conjugate gradients found no answer.
    """
    return np.asarray(state.weights + step(state))


def step(state: RemovalState) -> Array:
    """The change that ``weights_after`` adds to the weights, (size,).

    >>> state = RemovalState(np.zeros(1), PositiveFactor.of(np.array([[4.0]])), np.array([2.0]), np.ones(1), True, 4, removed=2)
    >>> step(state).tolist()  # 2 / (4 - 2 * 1)
    [1.0]
    """
    shift = state.removed * state.held
    if state.data == "original" or not state.mean or not shift.any():
        return state.factor.solve(state.gone)

    def times(v: Array) -> Array:
        return np.asarray(state.factor.times(v) - shift * v)

    found = conjugate_gradients(times, state.gone, state.factor.solve, PRECISION, ROUNDS).x
    left = float(np.linalg.norm(state.gone - times(found)))  # computed anew: a recurrence falls on where rounding stops the answer
    if not left <= RESIDUAL * float(np.linalg.norm(state.gone)):
        raise np.linalg.LinAlgError(f"conjugate gradients left {left:.1e} of a gradient")
    return found
