"""Descent on a loss of the forget set and, with a weight, on the loss of the retain set."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from untrain.data.examples import Batch
from untrain.training.batch_norm import untracked_statistics
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import Steps


def descend_with_retain(
    model: nn.Module, problem: Problem, steps: Steps, forgetting: Callable[[Batch], Tensor], retain: float
) -> nn.Module:
    """The model after descent on ``retain * L(retain) + forgetting(forget)``; without weight the forget set is walked alone.

    Forget batches never enter batch-norm buffers, but where there are no others.

    Args:
        model: moves.
        problem: has both sets.
        steps: step size and length; an epoch is once through the retain set, or without it through the forget set.
        forgetting: forget batch -> a number to minimise.
        retain: weight of the loss on the retain set, >= 0.
    """
    if not retain:
        return descend(model, forgetting, problem.forget_batches(steps), steps, problem.trainable)

    def loss(retained: Batch, forget: Batch) -> Tensor:
        value = retain * problem.task.loss(model, retained).mean()
        with untracked_statistics(model):
            return value + forgetting(forget)

    return descend(model, loss, problem.paired_batches(steps), steps, problem.trainable)


def without_unused(needs: frozenset[str], retain: float, steps: Steps) -> frozenset[str]:
    """Needs of a method with such a weight of the retain set: at 0 that set is needed for batch-norm buffers alone.

    >>> from untrain.training.steps import Steps
    >>> sorted(without_unused(frozenset({"forget", "retain"}), 0.0, Steps()))
    ['forget']
    """
    return needs if retain or steps.buffers == "reestimate" else needs - {"retain"}
