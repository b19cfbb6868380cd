"""A Newton step of any differentiable model, by products with its Hessian."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError, RunFailed, SpecError
from untrain.core.fields import Count, Positive
from untrain.core.metering import add_note
from untrain.core.search_space import SearchHint
from untrain.maths.conjugate_gradients import Array, Operator, Solution, conjugate_gradients
from untrain.maths.lissa import lissa
from untrain.maths.positive_factor import PositiveFactor
from untrain.maths.power_iteration import largest_eigenvalue
from untrain.training.gradient_change import gradient_change
from untrain.training.gradients import flat, movable, put, unflat
from untrain.training.hessian_products import HessianProducts
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner

Times = Callable[[Array | None, Array], Array]
PRECISION = 1e-6  # of a step, as a share of the gradient's length
WRITTEN = 2048  # weights whose Hessian is written down: one product each
LOOKS = 10  # products that find the scale of LiSSA


class SecondOrder(Unlearner):
    """Subtract ``(H + damping I)^-1 G`` from the weights, computed with products ``H v``.

    ``G`` is what the request changes of the gradient of the mean loss, the examples that take the place of others less those that
    go, and H the Hessian of the mean loss on the data after the request. Both are taken at the model's weights, and those that may
    not move stay fixed. If conjugate gradients meet a direction of negative curvature, as in a deep network, the step ends before
    it, with a note. Batch-norm buffers stay as they are.

    Args:
        damping: added to the Hessian's eigenvalues.
        products: with the Hessian, at most; each goes through the retain set, or a batch of it. 'exact' takes what it needs.
        solver: conjugate gradients; 'lissa', a series that needs a scale and may diverge; or 'exact', the whole Hessian, for few
            weights.
        scale: of 'lissa', more than half the largest eigenvalue of ``H + damping I``; None for that eigenvalue as 10 further
            products estimate it.
        batch: examples of each product of 'lissa', drawn anew for each; None for all. The step is then noisy.

    Source: Warnecke et al. 2023, arXiv 2108.11577, equation 9, second-order update; 'lissa': Agarwal et al. 2017, arXiv 1602.03943.
    Departs: the code inverts by LiSSA with the sum of a batch's losses, whose damping is a multiple of its scale, so that its step
        is mostly a rescaled first-order one; here losses are means, and the damping is what it says, whatever the scale. It updates
        the last six tensors of its network, here a mask says which.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    damping: Annotated[Positive, SearchHint(1e-3, 10.0, log=True, usual=True)] = 0.1
    products: Annotated[Count, SearchHint(5, 100, log=True, asked=True)] = 20
    solver: Literal["conjugate", "lissa", "exact"] = "conjugate"
    scale: Positive | None = None
    batch: Count | None = None

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Yes: a correction may change no gradient, and then no step is the right one."""
        return True

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after the step.

        Raises:
            SpecError: a scale or a batch is given to another solver than 'lissa'.
            ModelError: nothing may move, or too many weights do for 'exact'.
            NotFinite: a gradient or a product is NaN or infinite.
            RunFailed: the Hessian is negative along the gradient, or somewhere for 'exact', or 'lissa' diverges.
        """
        if self.solver != "lissa" and (self.scale or self.batch):
            raise SpecError(f"scale and batch are of solver='lissa': leave them out with {self.solver!r}")
        params = movable(model, problem.trainable)
        bits = None if problem.trainable is None else flat([problem.trainable.bits[n].to(p.device) for n, p in params.items()])
        change = _held(gradient_change(model, problem, params) / len(problem.rest), bits)
        curvature = HessianProducts(model, problem.task, problem.rest, params)

        def times(rows: Array | None, v: Array) -> Array:
            product = curvature.times(torch.as_tensor(v).to(change), rows)
            return _held(product, bits).cpu().double().numpy() + self.damping * v

        found = self._solved(times, change.cpu().double().numpy(), problem)
        if not found.converged:
            self._report(found, float(change.norm()))
        step = unflat(torch.as_tensor(found.x).to(change), params)
        put(model, {n: p.detach() - step[n] for n, p in params.items()}, problem.trainable)
        return model

    def _solved(self, times: Times, b: Array, problem: Problem) -> Solution:
        whole: Operator = partial(times, None)
        if self.solver == "exact":
            return self._exact(whole, b)
        if self.solver == "conjugate" or not b.any():
            return conjugate_gradients(whole, b, tolerance=PRECISION, steps=self.products)
        draw, n = np.random.default_rng(problem.seed), len(problem.rest)
        scale = self.scale or largest_eigenvalue(whole, draw.normal(size=len(b)), LOOKS)
        batch = n if self.batch is None else min(self.batch, n)
        of_some = whole if batch == n else lambda v: times(np.sort(draw.choice(n, batch, replace=False)), v)
        return lissa(of_some, b, scale, PRECISION, self.products)

    def _exact(self, times: Operator, b: Array) -> Solution:
        if len(b) > WRITTEN:
            raise ModelError(f"{len(b):,} weights may move, and solver='exact' writes down {WRITTEN:,} at most: take 'conjugate'")
        matrix = np.stack([times(one) for one in np.eye(len(b))])
        try:
            x = PositiveFactor.of((matrix + matrix.T) / 2).solve(b)
        except np.linalg.LinAlgError:
            raise RunFailed(f"the Hessian is not positive with damping={self.damping:g}: raise the damping") from None
        return Solution(x, 0.0, len(b), True)

    def _report(self, found: Solution, length: float) -> None:
        """Refuse what is not a step, and note what is a rough one."""
        if self.solver == "conjugate" and not np.any(found.x):
            raise RunFailed(f"the loss curves downwards along the gradient: raise damping={self.damping:g}")
        if self.solver == "lissa" and not found.residual <= length:
            raise RunFailed(
                f"LiSSA diverges: after {found.steps} products {found.residual / length:.2g} of the gradient is left; "
                "raise scale or damping, or take solver='conjugate'"
            )
        left = found.residual / length
        add_note(f"{self.solver} took {found.steps} products and left {left:.2g} of the gradient: raise damping or products")


def _held(v: Tensor, bits: Tensor | None) -> Tensor:
    """The vector, 0 where a weight may not move."""
    return v if bits is None else v * bits
