"""Distillation from the model before with lowered logits of the targets."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import Tensor, nn

from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.maths.forget_losses import lowered_target, mean_over
from untrain.training.distillation import teacher
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners._retain_term import descend_with_retain
from untrain.unlearners._token_terms import logits_beside
from untrain.unlearners.base import Unlearner


class UNDIAL(Unlearner):
    """Minimise ``CE(q, p)`` on forget, where q is the previous distribution with the logit of each target lowered by ``beta``.

    What is to be reached is fixed before the first step, so that more steps do not go further. Batch-norm buffers follow
    ``steps.buffers``; the forget batches never enter them where there is a retain set.

    Args:
        beta: by how much the logit of a target is lowered.
        retain: weight of the loss on the retain set; 0 needs no retain set.
        steps: step size and length; an epoch is once through the retain set, or without it through the forget set.

    Source: Dong et al. 2024, arXiv 2402.10052; beta and weight of the code locuslab/open-unlearning@d3d7cf9.
    Departs: prompts and padding take no part, which in that code do, as its mask takes the label -100 for a place of the
        vocabulary; the mean is over the tokens of an example and then over examples; any task that has logits. Default step size
        and length are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "logits"})

    beta: Annotated[Positive, SearchHint(0.5, 30, log=True)] = 10.0
    retain: Annotated[NonNegative, SearchHint(0.0, 10)] = 0.0
    steps: Steps = Steps(lr=0.005, epochs=5, schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; the retain set where it has a weight."""
        return super().needed() | ({"retain"} if self.retain else set())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent."""
        task, before = problem.task, teacher(model, "UNDIAL")

        def forgetting(forget: Batch) -> Tensor:
            logits, then, scored = logits_beside(model, before, task, forget)
            return mean_over(lowered_target(logits, then, task.place_targets(forget), self.beta), scored).mean()

        return descend_with_retain(model, problem, self.steps, forgetting, self.retain)
