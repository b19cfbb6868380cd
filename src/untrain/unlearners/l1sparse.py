"""Finetuning that makes the weights sparse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar

from torch import Tensor, nn

from untrain.core.fields import NonNegative
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.sharded_model import refuse_sharded
from untrain.training.steps import Steps
from untrain.unlearners.base import Unlearner


class L1Sparse(Unlearner):
    """Minimise ``L(retain) + gamma (1 - t / T) |weights|_1`` in epoch t of T.

    The norm covers the weights that may move; that of the others is a constant. Batch-norm buffers follow
    ``steps.buffers``.

    Args:
        gamma: weight of the norm in the first epoch.
        steps: step size and length.

    Source: Jia et al. 2023, arXiv 2304.04934, eq. 4 and its linear decay; gamma of the code of DEL, arXiv 2412.02432.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "labels"})

    gamma: Annotated[NonNegative, SearchHint(1e-6, 1e-3, log=True)] = 7e-5
    steps: Steps = Steps(lr=0.015, epochs="30%")

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The sparser model."""
        refuse_sharded(model, "L1Sparse")
        plan = problem.retain_batches(self.steps)
        weight = self.gamma

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            nonlocal weight
            weight = decayed(self.gamma, epoch, plan.epochs)
            return plan.draw(epoch)

        def loss(retain: Batch) -> Tensor:
            value = problem.task.loss(model, retain).mean()
            for p in model.parameters():
                if p.requires_grad:
                    value = value + weight * p.abs().sum()
            return value

        return descend(model, loss, replace(plan, draw=draw), self.steps, problem.trainable)


def decayed(gamma: float, epoch: int, epochs: int) -> float:
    """Weight of the norm in ``epoch`` of ``epochs``, counted from zero.

    >>> decayed(0.5, epoch=1, epochs=4)
    0.375
    """
    return gamma * (1 - epoch / epochs)
