"""Training that goes on without the forget set."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.unlearners.base import Unlearner


class Finetune(Unlearner):
    """Minimise ``L(retain)``, starting from the model.

    Batch-norm buffers follow ``steps.buffers``.

    Args:
        steps: step size and length.

    Source: the fine-tuning baseline of Torkzadehmahani et al. 2024, arXiv 2412.02432, section 5.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "labels"})

    steps: Steps = Steps(lr=0.015, epochs="30%")

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The finetuned model."""

        def loss(retain: Batch) -> Tensor:
            return problem.task.loss(model, retain).mean()

        return descend(model, loss, problem.retain_batches(self.steps), self.steps, problem.trainable)
