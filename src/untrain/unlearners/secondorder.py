"""A Newton step of any differentiable model, by products with its Hessian."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import RunFailed
from untrain.core.fields import Count, Positive
from untrain.core.metering import add_note
from untrain.core.search_space import SearchHint
from untrain.maths.conjugate_gradients import Array, conjugate_gradients
from untrain.training.gradients import Params, flat, movable, of_mean, put, unflat
from untrain.training.hessian_products import HessianProducts
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner

PRECISION = 1e-6  # of a step, as a share of the gradient's length


class SecondOrder(Unlearner):
    """Take ``(H + damping I)^-1 G`` off the weights, found by conjugate gradients with products ``H v``.

    ``G`` is what the request changes of the gradient of the mean loss, the examples that take the place of others less those that
    go, and H the Hessian of the mean loss on the data after the request. Both are taken at the model's weights, and those that may
    not move are held. Where H is negative along a direction that is met, as it may be in a deep network, the step ends before it,
    with a note. Batch-norm buffers stay as they are.

    Args:
        damping: added to the Hessian's eigenvalues.
        products: with the Hessian, at most; each goes through the retain set.

    Source: Warnecke et al. 2023, arXiv 2108.11577, equation 9, second-order update.
    Departs: the code inverts by LiSSA with the sum of a batch's losses, whose damping is a multiple of its scale, so that its step
        is mostly a rescaled first-order one; and takes its Hessian of batches, here it is of all examples that stay. It updates the
        last six tensors of its network, here a mask says which.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    damping: Annotated[Positive, SearchHint(1e-3, 10.0, log=True, usual=True)] = 0.1
    products: Annotated[Count, SearchHint(5, 100, log=True, asked=True)] = 20

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after the step.

        Raises:
            ModelError: nothing may move.
            NotFinite: a gradient or a product is NaN or infinite.
            RunFailed: the Hessian is negative along the gradient.
        """
        params = movable(model, problem.trainable)
        bits = None if problem.trainable is None else flat([problem.trainable.bits[n].to(p.device) for n, p in params.items()])
        change = _held(_change(model, problem, params), bits)
        curvature = HessianProducts(model, problem.task, problem.rest, params)

        def times(v: Array) -> Array:
            product = curvature.times(torch.as_tensor(v).to(change))
            return _held(product, bits).cpu().double().numpy() + self.damping * v

        found = conjugate_gradients(times, change.cpu().double().numpy(), tolerance=PRECISION, steps=self.products)
        if not np.any(found.x) and bool(change.any()):
            raise RunFailed(f"the loss curves downwards along the gradient: raise damping={self.damping:g}")
        if not found.converged:
            left = found.residual / float(change.norm())
            add_note(
                f"conjugate gradients took {found.steps} products and left {left:.2g} of the gradient: raise damping or products"
            )
        step = unflat(torch.as_tensor(found.x).to(change), params)
        put(model, {n: p.detach() - step[n] for n, p in params.items()}, problem.trainable)
        return model


def _change(model: nn.Module, problem: Problem, params: Params) -> Tensor:
    """What the request changes of the gradient of the mean loss after it."""
    gone = len(problem.forget) * of_mean(model, problem.task, problem.forget, params)
    come = problem.replacement
    if come is not None and len(come):
        gone = gone - len(come) * of_mean(model, problem.task, come, params)
    return -gone / len(problem.rest)


def _held(v: Tensor, bits: Tensor | None) -> Tensor:
    """The vector, 0 where a weight may not move."""
    return v if bits is None else v * bits
