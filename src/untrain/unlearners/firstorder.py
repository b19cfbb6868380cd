"""One step along what a request changes of the gradient."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import nn

from untrain.core.fields import Positive
from untrain.core.search_space import SearchHint
from untrain.training.gradient_change import gradient_change
from untrain.training.gradients import movable, put, unflat
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner


class FirstOrder(Unlearner):
    """Subtract ``rate * G`` from the weights.

    ``G`` is the gradient of the losses of the examples that take the place of others, less that of those that go, added up, at the
    model's weights. It asks for no other data. Batch-norm buffers stay as they are.

    Args:
        rate: length of the step, for losses that are added up: of n examples a step size is ``rate * n`` of their mean.

    Source: Warnecke et al. 2023, arXiv 2108.11577, equation 6, first-order update.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels"})

    rate: Annotated[Positive, SearchHint(1e-6, 1e-1, log=True)] = 1e-3

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Yes: a correction may change no gradient, and then no step is the right one."""
        return True

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after the step.

        Raises:
            ModelError: nothing may move.
            NotFinite: a gradient is NaN or infinite.
        """
        params = movable(model, problem.trainable)
        step = unflat(self.rate * gradient_change(model, problem, params), params)
        put(model, {n: p.detach() - step[n] for n, p in params.items()}, problem.trainable)
        return model
