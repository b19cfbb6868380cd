"""Direct preference optimization: another answer instead of the one to forget."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import nn

from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.data.readers.question_answer import PREFERRED
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners._preferences import Answers, descend_on_preference, given_answers, of_answers, swapped_answers
from untrain.unlearners._retain_term import without_unused
from untrain.unlearners.base import Unlearner


class DPO(Unlearner):
    """Minimise ``retain * L(retain) - (2 / beta) log sigmoid(beta (log r(w) - log r(l)))``, r being p over p before.

    l is the answer to forget, w the one that is preferred: that of the data's field 'preferred' where there is one, such as a right
    answer instead of a wrong one, or else the answer to another example of the forget set, drawn once. p is the probability of
    an answer, the product of those of its tokens. Of classes w is the label of another example, or where that is the same another
    class, drawn. Batch-norm buffers follow ``steps.buffers``; the forget batches never enter them.

    Args:
        beta: how soon the pull fades.
        retain: weight of the loss on the retain set; 0 needs no retain set.
        steps: step size and length; an epoch is once through the retain set, or without it through the forget set.

    Source: Rafailov et al. 2023, arXiv 2305.18290; as unlearning Maini et al. 2024, arXiv 2401.06121, and Zhang et al. 2024, arXiv
        2404.05868; beta and the factor 2 of the code locuslab/open-unlearning@d3d7cf9.
    Departs: answers to other examples where none is given. Default step size and length are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    beta: Annotated[Positive, SearchHint(0.01, 10, log=True)] = 0.1
    retain: Annotated[NonNegative, SearchHint(0.1, 10, log=True)] = 1.0
    steps: Steps = Steps(lr=0.005, epochs="30%", schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; without weight it needs no retain set."""
        return without_unused(super().needed(), self.retain, self.steps)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent on both.

        Raises:
            DataError: an example has no question, or no preferred answer where others have one, or all answers are alike.
        """
        forget, answers = problem.forget, None
        if PREFERRED in forget.fields:
            answers = given_answers(forget, PREFERRED, "")
        wanted: Answers = swapped_answers(problem.task, forget, problem.seed) if answers is None else answers
        preferred = of_answers(problem.task, wanted)
        return descend_on_preference(model, problem, self.steps, preferred, self.beta, self.retain, "DPO")
