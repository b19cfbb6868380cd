"""NegGrad+."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import Tensor, nn

from untrain.core.fields import Share
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.training.batch_norm import untracked_statistics
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners.base import Unlearner


class NegGrad(Unlearner):
    """Minimise ``alpha * L(retain) - (1 - alpha) * L(forget)``.

    Batch-norm buffers follow ``steps.buffers``; the forget batches never enter them.

    Args:
        alpha: weight of the retain set.
        steps: step size and length.

    Source: Kurmanji et al. 2023 (NegGrad+), arXiv 2302.09880; alpha of the code of DEL, arXiv 2412.02432.
    Departs: forget batches are reshuffled each time around where the authors' code caches the first pass, and they stay out of
        batch-norm buffers, which in the authors' code they enter.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels"})

    alpha: Annotated[Share, SearchHint(0.5, 1.0)] = 0.95
    steps: Steps = Steps(lr=0.015, epochs="30%", schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent on retain and ascent on forget."""
        task = problem.task

        def loss(retain: Batch, forget: Batch) -> Tensor:
            value = self.alpha * task.loss(model, retain).mean()
            with untracked_statistics(model):
                return value - (1 - self.alpha) * task.loss(model, forget).mean()

        return descend(model, loss, problem.paired_batches(self.steps), self.steps, problem.trainable)
