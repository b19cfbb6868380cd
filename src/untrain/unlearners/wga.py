"""Weighted gradient ascent."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import Tensor, nn

from untrain.core.fields import NonNegative
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners._retain_term import descend_with_retain, without_unused
from untrain.unlearners._token_terms import mean_weighted_ascent
from untrain.unlearners.base import Unlearner


class WGA(Unlearner):
    """Minimise ``retain * L(retain) - p ** beta * L(forget)``, with the weight ``p ** beta`` as a constant.

    Ascent that leaves a target alone once its probability p is small, token by token: what the model is sure of is pulled most.
    Batch-norm buffers follow ``steps.buffers``; the forget batches never enter them.

    Args:
        beta: power of a target's probability; 0 is gradient ascent.
        retain: weight of the loss on the retain set; 0 needs no retain set.
        steps: step size and length; an epoch is once through the retain set, or without it through the forget set.

    Source: Wang et al. 2025, arXiv 2502.19301; code locuslab/open-unlearning@d3d7cf9.
    Departs: the mean is over the tokens of an example and then over examples, where the code's is over all tokens of a batch; any
        task whose loss is a cross-entropy. Default step size and length are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    beta: Annotated[NonNegative, SearchHint(0.0, 5.0)] = 1.0
    retain: Annotated[NonNegative, SearchHint(0.1, 10, log=True)] = 1.0
    steps: Steps = Steps(lr=0.005, epochs="30%", schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; without weight it needs no retain set."""
        return without_unused(super().needed(), self.retain, self.steps)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent on both."""

        def forgetting(forget: Batch) -> Tensor:
            return mean_weighted_ascent(model, problem.task, forget, self.beta)

        return descend_with_retain(model, problem, self.steps, forgetting, self.retain)
