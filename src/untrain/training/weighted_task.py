"""A task whose losses count as much as this process's share of a batch asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from untrain.data.examples import Batch, Examples
from untrain.models.tasks.base import Task


@dataclass(frozen=True, eq=False)
class StepWeights:
    """Weights of the batches of the running step, by the storage of their labels.

    Args:
        weights: factor of a batch's loss; empty when all batches of the step count alike.
        used: the batches that the task weighed in this step.
    """

    weights: dict[int, float] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)

    def start_step(self) -> None:
        """Forget the batches of the step before."""
        self.weights.clear()
        self.used.clear()

    def add(self, batch: Batch, weight: float) -> None:
        """Let the loss of ``batch`` count ``weight`` times."""
        self.weights[_key(batch)] = weight

    def look_up(self, batch: Batch) -> float:
        """Return the weight of ``batch``, and remember that it was used."""
        self.used.add(_key(batch))
        return self.weights.get(_key(batch), 1.0)

    def all_used(self) -> bool:
        """Return whether the task weighed every batch that has a weight."""
        return self.weights.keys() <= self.used


def _key(batch: Batch) -> int:
    return batch.rows.untyped_storage().data_ptr()


class WeightedTask:
    """A task that multiplies losses, and the gradients of outputs, by the weight of their batch.

    Args:
        task: computes outputs and losses.
        weights: of the running step.
    """

    def __init__(self, task: Task, weights: StepWeights):
        self.task, self.weights = task, weights

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Outputs; gradients that pass through them are multiplied by the weight."""
        outputs, weight = self.task.forward(model, batch), self.weights.look_up(batch)
        return outputs if weight == 1 else _ScaleGradient.apply(outputs, weight)  # type: ignore[no-untyped-call]

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Weighted loss of each example, (b,)."""
        losses, weight = self.task.loss(model, batch), self.weights.look_up(batch)
        return losses if weight == 1 else losses * weight

    def resolve(self, examples: Examples) -> WeightedTask:
        """The task is resolved already."""
        return self

    def __getattr__(self, name: str) -> Any:
        """As the task does; what it computes from outputs is weighed already."""
        return getattr(self.task, name)


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.weight, None
