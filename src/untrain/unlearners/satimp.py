"""Ascent weighed by saturation and importance."""

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


class SatImp(Unlearner):
    """Minimise ``retain * L(retain) - p ** sure * (1 - p) ** unsure * L(forget)``, with the weight as a constant.

    Ascent on targets that the model knows well but is not beyond doubt about, token by token. Batch-norm buffers follow
    ``steps.buffers``; the forget batches never enter them.

    Args:
        sure: power of a target's probability p (the paper's beta_1); it lets go of what is forgotten.
        unsure: power of ``1 - p`` (the paper's beta_2); it spares what the model is most sure of.
        retain: weight of the loss on the retain set; 0 needs no retain set.
        steps: step size and length; an epoch is once through the retain set, or without it through the forget set.

    Source: Yang et al. 2025, arXiv 2505.11953; powers and weights of the README of locuslab/open-unlearning@d3d7cf9, whose
        configuration has the weights the other way round: retain=10 here.
    Departs: the mean is over the tokens of an example and then over examples, where the code's is over all tokens of a batch; any
        task whose loss is a cross-entropy. Default step size and length are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    sure: Annotated[NonNegative, SearchHint(0.0, 10.0)] = 5.0
    unsure: Annotated[NonNegative, SearchHint(0.0, 5.0)] = 1.0
    retain: Annotated[NonNegative, SearchHint(0.01, 10, log=True)] = 0.1
    steps: Steps = Steps(lr=0.005, epochs="30%", schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; without weight it needs no retain set."""
        return without_unused(super().needed(), self.retain, self.steps)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent on both."""

        def forgetting(forget: Batch) -> Tensor:
            return mean_weighted_ascent(model, problem.task, forget, self.sure, self.unsure)

        return descend_with_retain(model, problem, self.steps, forgetting, self.retain)
