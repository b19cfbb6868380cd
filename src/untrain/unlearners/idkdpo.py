"""Preference for answers that say nothing."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from untrain.core.errors import SpecError
from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.data.readers.question_answer import REFUSAL
from untrain.models.tasks.causallm import CausalLM
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners._preferences import Preferred, descend_on_preference, given_answers, of_answers
from untrain.unlearners._retain_term import without_unused
from untrain.unlearners.base import Unlearner

CURE = "QuestionAnswer, Tofu and RWKU make them, and tokens=(...) names one for all, such as those of 'I do not know' and the end"


class IdkDPO(Unlearner):
    """DPO whose preferred answer says that it does not know: ``retain * L(retain) - (2 / beta) log sigmoid(...)``.

    The preferred answers are those of the data's field 'refusal', which ``QuestionAnswer``, ``Tofu`` and ``RWKU`` make of sentences
    such as "I don't know.", or ``tokens`` for all questions. Of classes, which have no such answer, it is the uniform distribution,
    whose loss is the mean over classes. Batch-norm buffers follow ``steps.buffers``; the forget batches never enter them.

    Args:
        beta: how soon the pull fades.
        tokens: of the answer that says nothing, its end among them; empty takes the data's own.
        retain: weight of the loss on the retain set; 0 needs no retain set.
        steps: step size and length; an epoch is once through the retain set, or without it through the forget set.

    Source: Maini et al. 2024, arXiv 2401.06121 (TOFU: preference optimization), Zhang et al. 2024, arXiv 2404.05868; beta and the
        factor 2 of the code locuslab/open-unlearning@d3d7cf9.
    Departs: one sentence for each question, where that code draws one at each step; classes too. Default step size and length are
        ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", "logits"})

    beta: Annotated[Positive, SearchHint(0.01, 10, log=True)] = 0.1
    tokens: tuple[Annotated[int, Field(ge=0)], ...] = ()
    retain: Annotated[NonNegative, SearchHint(0.1, 10, log=True)] = 1.0
    steps: Steps = Steps(lr=0.005, epochs="30%", schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; without weight it needs no retain set."""
        return without_unused(super().needed(), self.retain, self.steps)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent on both.

        Raises:
            DataError: the data have no answers that say nothing, or an example has no question.
            SpecError: a token is none of the vocabulary, or the task is none of texts.
        """
        return descend_on_preference(model, problem, self.steps, self._preferred(problem), self.beta, self.retain, "IdkDPO")

    def _preferred(self, problem: Problem) -> Preferred:
        task = problem.task
        if not isinstance(task, CausalLM):
            if self.tokens:
                raise SpecError(f"IdkDPO(tokens=...) is an answer in tokens, and {type(task).__name__} has none: leave it out")
            return lambda model, forget: _undecided(problem, model, forget)
        if self.tokens:
            if max(self.tokens) >= task.vocabulary:
                raise SpecError(f"IdkDPO(tokens=...) names token {max(self.tokens)}, and the vocabulary has {task.vocabulary}")
            return of_answers(task, [list(self.tokens)] * len(problem.forget))
        return of_answers(task, given_answers(problem.forget, REFUSAL, CURE))


def _undecided(problem: Problem, model: nn.Module, forget: Batch) -> Tensor:
    """Loss of an example against the uniform distribution, (b,)."""
    logits, _ = problem.task.logits(problem.task.forward(model, forget), forget)
    return -logits[:, 0].log_softmax(-1).mean(-1)
