"""Preference optimization against a fixed likelihood, without a reference model."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import Tensor, nn

from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.maths.forget_losses import simple_preference
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners._retain_term import descend_with_retain, without_unused
from untrain.unlearners.base import Unlearner


class SimNPO(Unlearner):
    """Minimise ``retain * L(retain) - forget * (2 / beta) log sigmoid(beta (L(forget) - delta))``.

    NPO without the model before: the pull on an example fades as its loss rises beyond ``delta``. The loss of a row of tokens is
    the mean over those that are scored, so that long rows are pulled no more than short ones. Batch-norm buffers follow
    ``steps.buffers``; the forget batches never enter them.

    Args:
        beta: how soon the pull fades.
        delta: loss in nats around which it does.
        forget: weight of the forget set.
        retain: weight of the loss on the retain set; 0 needs no retain set.
        steps: step size and length; an epoch is once through the retain set, or without it through the forget set.

    Source: Fan et al. 2024, arXiv 2410.07163; beta, delta and weights of the code locuslab/open-unlearning@d3d7cf9.
    Departs: written for language models; here any task whose loss is a cross-entropy. Default step size and length are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    beta: Annotated[Positive, SearchHint(0.1, 10, log=True)] = 4.5
    delta: Annotated[NonNegative, SearchHint(0.0, 2.0)] = 0.0
    forget: Annotated[Positive, SearchHint(0.01, 10, log=True)] = 0.125
    retain: Annotated[NonNegative, SearchHint(0.1, 10, log=True)] = 1.0
    steps: Steps = Steps(lr=0.005, epochs="30%", schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; without weight it needs no retain set."""
        return without_unused(super().needed(), self.retain, self.steps)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent on both."""

        def forgetting(forget: Batch) -> Tensor:
            return self.forget * simple_preference(problem.task.loss(model, forget), self.beta, self.delta).mean()

        return descend_with_retain(model, problem, self.steps, forgetting, self.retain)
