"""Cross-entropy unlearning."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from untrain.core.fields import NonNegative
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.maths.forget_losses import mean_over, without_target
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners._retain_term import descend_with_retain
from untrain.unlearners.base import Unlearner


class CEU(Unlearner):
    """Minimise ``CE(q, p)`` on forget, where q is the model's own distribution without the target, as a constant.

    Weight goes from a target to the outputs that the model finds likeliest beside it, and the pull fades with the target's
    probability. Batch-norm buffers follow ``steps.buffers``; the forget batches never enter them where there is a retain set.

    Args:
        skip: the first scored tokens of each row that are left alone, of rows that have more.
        retain: weight of the loss on the retain set; 0 needs no retain set.
        steps: step size and length; an epoch is once through the retain set, or without it through the forget set.

    Source: Yang 2025, arXiv 2503.01224; code locuslab/open-unlearning@d3d7cf9, which has no retain set and skips the first token
        of an answer.
    Departs: the mean is over the tokens of an example and then over examples; any task that has logits. Default step size and
        length are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "logits"})

    skip: Annotated[int, Field(ge=0)] = 1
    retain: Annotated[NonNegative, SearchHint(0.0, 10)] = 0.0
    steps: Steps = Steps(lr=0.005, epochs=5, schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; the retain set where it has a weight."""
        return super().needed() | ({"retain"} if self.retain else set())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent."""
        task = problem.task

        def forgetting(forget: Batch) -> Tensor:
            logits, scored = task.logits(task.forward(model, forget), forget)
            each = without_target(logits, task.place_targets(forget))
            return mean_over(each, without_first(scored, self.skip)).mean()

        return descend_with_retain(model, problem, self.steps, forgetting, self.retain)


def without_first(scored: Tensor, count: int) -> Tensor:
    """Scored places without the first ``count`` of each row, of rows that have more, bool (b, t).

    >>> without_first(torch.tensor([[False, True, True], [False, False, True]]), 1).int().tolist()
    [[0, 0, 1], [0, 0, 1]]
    """
    later = scored & (scored.cumsum(1) > count)
    return torch.where(later.any(1, keepdim=True), later, scored)
