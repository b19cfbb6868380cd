"""A convex objective before and after a request: its gradient and its Hessian at the weights before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from untrain.core.errors import DataError, ModelError, NotFinite, RequestError
from untrain.data.examples import Examples
from untrain.maths.absolute_penalty import quadratic_minimum, shortest_subgradient
from untrain.maths.conjugate_gradients import conjugate_gradients
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.convex_optimum import DENSE
from untrain.maths.design_matrix import DesignMatrix
from untrain.maths.linear_losses import curved
from untrain.maths.newton import Local
from untrain.maths.newton_models import anchored, centred
from untrain.maths.positive_factor import PositiveFactor
from untrain.models.tasks.base import Task
from untrain.training.convex_rows import rows_of
from untrain.training.learners.convex import Convex, weights_for
from untrain.training.problem import Problem

Array = np.ndarray[Any, Any]
Data = Literal["corrected", "original"]
PRECISION = 1e-13  # of conjugate gradients, as a share of what they solve for
LOOSE = 1e-8  # where rounding keeps them from it, this is still a step
ALONE = 1e-9  # one less a leverage, below which it is 1


@dataclass(frozen=True, eq=False)
class ConvexChange:
    """Changes of a convex objective by a request.

    Args:
        weights: before, (size,).
        after: the objective on the data after the request.
        gone: losses of the examples that go, added up, without penalties.
        come: those of the examples that stand in their place; None where none do.
        free: which weights may move, bool (size,); None for all.
    """

    weights: Array
    after: ConvexObjective
    gone: ConvexObjective
    come: ConvexObjective | None
    free: Array | None = None

    @property
    def before(self) -> int:
        """Number of examples before the request."""
        return self.after.rows.rows + self.gone.rows.rows - (0 if self.come is None else self.come.rows.rows)

    @property
    def share(self) -> float:
        """Weight of the loss of one example before the request."""
        return 1 / self.before if self.after.mean else 1.0

    @cached_property
    def here(self) -> Local:
        """The objective after the request, at the weights before."""
        return self.after.at(self.weights)

    @property
    def slope(self) -> Array:
        """Gradient of its smooth part, (size,)."""
        return self.here.slope if self.here.smooth is None else self.here.smooth

    def gradient_before(self) -> float:
        """Length of the gradient of the objective before the request, or of its shortest subgradient: 0 at its optimum."""
        smooth = (self.slope / self.after.share - self.gradient) * self.share
        return float(np.linalg.norm(self._held(shortest_subgradient(self.weights, smooth, self.after.strengths))))

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
        """``H^-1 b``, (size,) or (size, q); where some weights are fixed, that of the others, and 0 for those.

        Raises:
            ModelError: the Hessian is singular, or conjugate gradients do not come to an answer.
        """
        if self.after.size <= DENSE:
            try:
                if data not in self._factors:
                    self._factors[data] = PositiveFactor.of(self._moving(self.hessian(data)))
            except np.linalg.LinAlgError as error:
                raise ModelError(f"the Hessian has no inverse ({error}): train with l2 > 0") from None
            out = np.zeros_like(b)
            out[self._places] = self._factors[data].solve(b[self._places])
            return out
        if b.ndim == 2:
            return np.stack([self.solve(data, column) for column in b.T], axis=1)
        diagonal, times = self.after.diagonal(self.weights), self.hessian_times(data)
        scale = np.where(diagonal > 0, diagonal, 1.0)

        def within(v: Array) -> Array:
            return self._held(centred(self.after, v))

        found = conjugate_gradients(
            lambda v: self._held(times(v)), within(b), lambda v: within(v / scale), PRECISION, 10 * len(b)
        )  # fmt: skip
        if not np.isfinite(found.residual) or found.residual > LOOSE * float(np.linalg.norm(b)):
            raise ModelError(
                f"conjugate gradients left {found.residual:.1e} of a gradient of {np.linalg.norm(b):.1e}: standardise the inputs, "
                "or train with a larger l2"
            )
        return found.x

    @property
    def _places(self) -> Array:
        return np.arange(self.after.size) if self.free is None else np.flatnonzero(self.free)

    def _moving(self, matrix: Array) -> Array:
        return matrix if self.free is None else np.asarray(matrix[np.ix_(self._places, self._places)])

    def _held(self, v: Array) -> Array:
        return v if self.free is None else np.asarray(v * self.free)

    def step(self, data: Data) -> Array:
        """The weights after one Newton step with the Hessian of these data; with an absolute penalty, the proximal one.

        The gradient is that of the objective after the request. Without an absolute penalty, and with the Hessian of the original
        data, it is what the request changes, by the share of an example in those, so that steps of several requests add up.

        Raises:
            ModelError: the Hessian has no inverse, or is too large to write down, which an absolute penalty needs.
        """
        if self.after.l1 > 0:
            return self._proximal(data)
        if data == "corrected":
            return np.asarray(self.weights - self.solve(data, self.slope))
        return np.asarray(self.weights - self.solve(data, self.share * self.gradient))

    def _proximal(self, data: Data) -> Array:
        if self.after.size > DENSE:
            raise ModelError(
                f"with l1 > 0 a step needs the whole Hessian, of {DENSE:,} weights at most, and there are {self.after.size:,}: "
                "take Retrain()"
            )
        at, places = self.weights.copy(), self._places
        matrix = self._moving(self.hessian(data))
        linear = matrix @ at[places] - self.slope[places]
        try:
            at[places] = quadratic_minimum(matrix, linear, self.after.strengths[places], at[places])
        except np.linalg.LinAlgError:
            raise ModelError("columns of the support are collinear, so that no single step is best: train with l2 > 0") from None
        return at

    def rescaled(self) -> Array:
        """The weights after the steps of the single examples that go, each divided by one less its leverage.

        In the 'sum' form each is what a Newton step without that one example would be, so it is exact for one example of a
        quadratic loss; the steps are added up. In the 'mean' form the penalty's share of an example is not divided. The leverage of
        example i is ``c_i x_i^T H^-1 x_i`` with the curvature c_i of its loss, a matrix where it has several scores.

        Raises:
            RequestError: the request corrects.
            ModelError: the Hessian has no inverse, or an example decides a weight alone, so that its leverage is 1.
        """
        if self.come is not None:
            raise RequestError("leverages are of examples that go, and this request corrects: take hessian='original'")
        k, scores = self.gone.outputs, self.gone.rows.scores(self.gone.folded(self.weights))
        made = self.gone.loss.derivatives(scores, self.gone.targets)
        slopes = np.zeros(self.after.size)
        for x, slope, curvature in zip(self.gone.rows.each(), made.slope, made.curvature, strict=True):
            spread = np.kron(np.eye(k), x[:, None])  # (size, k): how scores follow weights
            leverage = curved(np.asarray(curvature)[None], self.share * (spread.T @ self.solve("original", spread)).T).T
            left = np.eye(k) - leverage
            if np.linalg.svd(left, compute_uv=False)[-1] < ALONE:
                raise ModelError("an example decides a weight alone, so its leverage is 1: take hessian='original', or raise l2")
            slopes += spread @ np.linalg.solve(left, slope)
        held = self.gone.rows.rows * self.after.l2 * self.after.penalised * self.weights if self.after.mean else 0.0
        return np.asarray(self.weights + self.share * self.solve("original", slopes + held))


def change_of(model: nn.Module, problem: Problem) -> ConvexChange:
    """Changes by a problem's request of the objective that its model is the optimum of.

    Raises:
        ModelError: the model was not made by ``Convex``, or has other weights than the objective.
        NotFinite: inputs hold NaN or infinite numbers.
        DataError: the request leaves a class without examples whose bias has no penalty.
    """
    learner = problem.recipe
    if not isinstance(learner, Convex):
        raise ModelError("the objective is not known: the model has to be made by Convex()")
    learner.check_loss(problem.rest)
    after = learner.objective_of(finite_rows(problem.rest, problem.task, learner.bias != "none"), problem.rest)
    weights = weights_for(learner, model, after)
    gone, other = losses_of(learner, problem.forget, problem.task), problem.replacement
    come = None if other is None or not len(other) else losses_of(learner, other, problem.task)
    return ConvexChange(weights, after, gone, come, _free(model, problem, after))


def _free(model: nn.Module, problem: Problem, objective: ConvexObjective) -> Array | None:
    """The weights of the objective that may move; None for all."""
    bits = []
    for name, p in model.named_parameters():
        may = torch.full(p.shape, p.requires_grad) if problem.trainable is None else problem.trainable.bits[name].cpu()
        bits.append(may.reshape(objective.outputs, -1))
    wanted = torch.cat(bits if objective.rows.intercept else bits[:1], dim=1).numpy().ravel()
    return None if wanted.all() else wanted


def losses_of(learner: Convex, examples: Examples, task: Task) -> ConvexObjective:
    """The losses of some examples, added up, without penalties.

    Raises:
        NotFinite: inputs hold NaN or infinite numbers.
    """
    whole = learner.objective_of(finite_rows(examples, task, learner.bias != "none"), examples)
    return replace(whole, l2=0.0, l1=0.0, mean=False)


def finite_rows(examples: Examples, task: Task, intercept: bool = True) -> DesignMatrix:
    """The rows of some examples.

    Raises:
        NotFinite: inputs hold NaN or infinite numbers.
    """
    try:
        return rows_of(examples, task, intercept)
    except DataError as error:  # of numbers that are not finite
        raise NotFinite(str(error)) from None
