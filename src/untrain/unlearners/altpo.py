"""Preference for answers that the model itself gives."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import nn

from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners._preferences import descend_on_preference, drawn_answers, of_answers
from untrain.unlearners._retain_term import without_unused
from untrain.unlearners.base import Unlearner


class AltPO(Unlearner):
    """DPO whose preferred answer the model draws itself: ``retain * L(retain) - (2 / beta) log sigmoid(...)``.

    An alternative is an answer of the same form that is not the true one: drawn once before the first step, by the seed, and
    drawn again at twice the temperature where it is the true one. Of classes it is drawn from the model's distribution without the
    true one. Batch-norm buffers follow ``steps.buffers``; the forget batches never enter them.

    Args:
        beta: how soon the pull fades.
        temperature: of the draws.
        retain: weight of the loss on the retain set; 0 needs no retain set.
        steps: step size and length; an epoch is once through the retain set, or without it through the forget set.

    Source: Mekala et al. 2024, arXiv 2409.13474 (AltPO); beta and the factor 2 of the code locuslab/open-unlearning@d3d7cf9.
    Departs: alternatives are the model's samples after the question, where theirs come of an instruction to it to make something
        up, which a model has to be trained for; classes too. Default step size, length and temperature are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", "logits"})

    beta: Annotated[Positive, SearchHint(0.01, 10, log=True)] = 0.1
    temperature: Annotated[Positive, SearchHint(0.5, 2.0)] = 1.0
    retain: Annotated[NonNegative, SearchHint(0.1, 10, log=True)] = 1.0
    steps: Steps = Steps(lr=0.005, epochs="30%", schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; without weight it needs no retain set."""
        return without_unused(super().needed(), self.retain, self.steps)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent on both.

        Raises:
            DataError: an example has no question.
            ModelError: the model gives the true answer time and again.
        """
        preferred = of_answers(problem.task, drawn_answers(model, problem, self.temperature))
        return descend_on_preference(model, problem, self.steps, preferred, self.beta, self.retain, "AltPO")
