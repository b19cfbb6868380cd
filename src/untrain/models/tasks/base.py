"""The role of a task: how a model is asked."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from untrain.data.examples import Batch as Batch


class Task(Protocol):
    """How a model is asked; alone in knowing what a batch holds."""

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Answers of the model, (b, c)."""

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Loss of each example in nats, (b,), each >= 0."""

    def head(self, model: nn.Module, classes: int) -> tuple[str, ...]:
        """Names of the parameters of the classifier head, which answers for ``classes`` classes."""
