"""A convex objective before and after a request: its gradient and its Hessian at the weights before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from torch import nn

from untrain.core.errors import DataError, ModelError, NotFinite, RequestError
from untrain.data.examples import Examples
from untrain.maths.absolute_penalty import quadratic_minimum
from untrain.maths.conjugate_gradients import conjugate_gradients
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.convex_optimum import DENSE
from untrain.maths.design_matrix import DesignMatrix
from untrain.maths.linear_losses import curved
from untrain.maths.newton_models import anchored, centred
from untrain.maths.positive_factor import PositiveFactor
from untrain.training.convex_rows import rows_of
from untrain.training.learners.convex import Convex, weights_of
from untrain.training.problem import Problem

Array = np.ndarray[Any, Any]
Data = Literal["corrected", "original"]
PRECISION = 1e-13  # of conjugate gradients, as a share of what they solve for


@dataclass(frozen=True, eq=False)
class ConvexChange:
    """What a request changes of a convex objective.

    Args:
        weights: before, (size,).
        after: the objective on the data after the request.
        gone: losses of the examples that go, added up, without penalties.
        come: those of the examples that stand in their place; None where none do.
    """

    weights: Array
    after: ConvexObjective
    gone: ConvexObjective
    come: ConvexObjective | None

    @property
    def before(self) -> int:
        """Number of examples before the request."""
        return self.after.rows.rows + self.gone.rows.rows - (0 if self.come is None else self.come.rows.rows)

    @property
    def share(self) -> float:
        """Weight of the loss of one example before the request."""
        return 1 / self.before if self.after.mean else 1.0

    def gradient_before(self) -> float:
        """Length of the gradient of the objective before the request, which is 0 at its optimum."""
        after = self.after.at(self.weights).slope if self.after.l1 else self.after.smooth(self.weights).slope
        return float(np.linalg.norm((after / self.after.share - self.gradient) * self.share))

    @cached_property
    def gradient(self) -> Array:
        """Of what comes less what goes, each with its share of the penalty, (size,): the change of ``n`` times the gradient."""
        held = self.after.rows.rows - self.before if self.after.mean else 0
        come = 0.0 if self.come is None else self.come.smooth(self.weights).slope
        return np.asarray(come - self.gone.smooth(self.weights).slope + held * self.after.l2 * self.after.penalised * self.weights)

    def hessian_times(self, data: Data) -> Callable[[Array], Array]:
        """v -> the Hessian of the objective after the request, or before it, times v, (size,)."""
        after = self.after.hessian_times(self.weights)
        if data == "corrected":
            return after
        gone = self.gone.hessian_times(self.weights)
        come = None if self.come is None else self.come.hessian_times(self.weights)
        held, ratio = self.after.l2 * self.after.penalised, self.share / self.after.share

        def times(v: Array) -> Array:
            changed = gone(v) - (0.0 if come is None else come(v))
            return np.asarray((after(v) - held * v) * ratio + self.share * changed + held * v)

        return times

    def hessian(self, data: Data) -> Array:
        """The Hessian of the objective after the request, or before it, (size, size)."""
        matrix = self.after.hessian(self.weights)
        if data == "original":
            held = self.after.l2 * np.diag(self.after.penalised)
            changed = self.gone.hessian(self.weights)
            if self.come is not None:
                changed = changed - self.come.hessian(self.weights)
            matrix = (matrix - held) * (self.share / self.after.share) + self.share * changed + held
        return anchored(self.after, matrix)

    @cached_property
    def _factors(self) -> dict[Data, PositiveFactor]:
        return {}

    def solve(self, data: Data, b: Array) -> Array:
        """``H^-1 b``, (size,) or (size, q).

        Raises:
            ModelError: the Hessian is singular, or conjugate gradients do not come to an answer.
        """
        if self.after.size <= DENSE:
            try:
                if data not in self._factors:
                    self._factors[data] = PositiveFactor.of(self.hessian(data))
            except np.linalg.LinAlgError as error:
                raise ModelError(f"the Hessian has no inverse ({error}): train with l2 > 0") from None
            return self._factors[data].solve(b)
        if b.ndim == 2:
            return np.stack([self.solve(data, column) for column in b.T], axis=1)
        diagonal = self.after.diagonal(self.weights)
        held = np.where(diagonal > 0, diagonal, 1.0)
        found = conjugate_gradients(
            self.hessian_times(data), centred(self.after, b), lambda v: centred(self.after, v / held), PRECISION, 10 * len(b)
        )
        if not np.isfinite(found.residual) or found.residual > 1e-6 * float(np.linalg.norm(b)):
            raise ModelError("conjugate gradients found no step: the Hessian is singular to rounding: train with l2 > 0")
        return found.x

    def step(self, data: Data) -> Array:
        """The weights after one Newton step with the Hessian of these data; with an absolute penalty, the proximal one.

        Without an absolute penalty, and with the Hessian of the original data, the gradient's weight is that of the original data
        too, so that steps of several requests add up.

        Raises:
            ModelError: the Hessian has no inverse.
        """
        if self.after.l1 > 0:
            smooth, matrix = np.asarray(self.after.smooth(self.weights).slope), self.hessian(data)
            try:
                return quadratic_minimum(matrix, matrix @ self.weights - smooth, self.after.strengths, self.weights)
            except np.linalg.LinAlgError:
                raise ModelError(
                    "columns of the support are collinear, so that there is no single step: train with l2 > 0"
                ) from None
        share = self.after.share if data == "corrected" else self.share
        return np.asarray(self.weights - self.solve(data, share * self.gradient))

    def rescaled(self) -> Array:
        """The weights after the steps of the single examples that go, each divided by one less its leverage.

        Each is what a Newton step without that one example would be, so it is exact for one example of a quadratic loss in the
        'sum' form; the steps are added up. The leverage of example i is ``c_i x_i^T H^-1 x_i`` with the curvature c_i of its loss,
        a matrix where it has several scores.

        Raises:
            RequestError: the request corrects.
            ModelError: the Hessian has no inverse.
        """
        if self.come is not None:
            raise RequestError("leverages are of examples that go, and this request corrects: leave rescale=False")
        k, scores = self.gone.outputs, self.gone.rows.scores(self.gone.folded(self.weights))
        made = self.gone.loss.derivatives(scores, self.gone.targets)
        slopes = np.zeros(self.after.size)
        for rows, block in self.gone.rows.spans():
            for x, slope, curvature in zip(_inputs(block, self.gone), made.slope[rows], made.curvature[rows], strict=True):
                spread = np.kron(np.eye(k), x[:, None])  # (size, k): how scores follow weights
                leverage = curved(np.asarray(curvature)[None], self.share * (spread.T @ self.solve("original", spread)).T).T
                slopes += spread @ np.linalg.solve(np.eye(k) - leverage, slope)
        held = self.gone.rows.rows * self.after.l2 * self.after.penalised * self.weights if self.after.mean else 0.0
        return np.asarray(self.weights + self.share * self.solve("original", slopes + held))


def _inputs(block: Any, of: ConvexObjective) -> Array:
    """Rows of a block in memory, with their ones, (b, width)."""
    dense = block.toarray() if hasattr(block, "toarray") else block
    return np.hstack([dense, np.ones((len(dense), 1))]) if of.rows.intercept else dense


def change_of(model: nn.Module, problem: Problem) -> ConvexChange:
    """What a problem's request changes of the objective that its model is the optimum of.

    Raises:
        ModelError: the model was not made by ``Convex``, or has other weights than the objective.
        NotFinite: inputs hold NaN or infinite numbers.
        DataError: the request leaves a class without examples whose bias has no penalty.
    """
    learner = problem.recipe
    if not isinstance(learner, Convex):
        raise ModelError("the objective is not known: the model has to be made by Convex()")
    learner.check_loss(problem.rest)
    after = learner.objective_of(_rows(learner, problem.rest, problem), problem.rest)
    weights = weights_of(model, after.rows.intercept)
    if len(weights) != after.size:
        raise ModelError(f"the model has {len(weights)} weights, and the objective of {learner!r} has {after.size}")
    gone = _losses(learner, problem.forget, problem)
    come = None if problem.replacement is None or not len(problem.replacement) else _losses(learner, problem.replacement, problem)
    return ConvexChange(weights, after, gone, come)


def _losses(learner: Convex, examples: Examples, problem: Problem) -> ConvexObjective:
    whole = learner.objective_of(_rows(learner, examples, problem), examples)
    return replace(whole, l2=0.0, l1=0.0, mean=False)


def _rows(learner: Convex, examples: Examples, problem: Problem) -> DesignMatrix:
    try:
        return rows_of(examples, problem.task, learner.bias != "none")
    except DataError as error:  # of numbers that are not finite
        raise NotFinite(str(error)) from None
