"""Any unlearner, by some tokens of each text that it forgets."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from torch import nn

from untrain.core.errors import DataError, SpecError
from untrain.data.ragged import SPANS
from untrain.models.tasks.causallm import CausalLM
from untrain.training.problem import Problem
from untrain.unlearners.base import Localized, Unlearner, Wrapping
from untrain.unlearners.guarantee import Release
from untrain.unlearners.npo import NPO


class OnSpans(Wrapping):
    """An unlearner that scores the tokens of spans alone in what it forgets, whatever the model learned by.

    Texts carry a field 'spans' for it: the labels of these tokens, and PAD elsewhere. ``Restor(spans=True)`` marks the answers to
    corrupted facts so. What is kept is scored as before; so is everything that scores models. An example of another task has one
    scored place, which is its span. Batch-norm buffers follow the unlearner's.

    Args:
        unlearner: what forgets.

    Source: Rezaei et al. 2024, arXiv 2411.00204: a loss on the offending spans helps; their text has no protocol.
    Departs: the model learned by all tokens of the documents, so that the corruption is the same with and without.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})  # of its default unlearner

    unlearner: Unlearner = NPO()

    def __post_init__(self) -> None:
        if isinstance(self.unlearner, Localized):
            raise SpecError(f"OnSpans({self.unlearner!r}): confine the whole, as OnSpans(...) @ Gradient()")
        if not {"forget", "labels"} <= self.unlearner.needed():
            raise SpecError(
                f"OnSpans: {self.unlearner!r} does not see what is scored of the forget set, so that spans change nothing"
            )
        if self.unlearner.works_on is not nn.Module:
            raise SpecError(f"OnSpans: {self.unlearner!r} changes a {self.unlearner.works_on.__name__}, which no loss moves")

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module | Release:
        """As the unlearner does, by the spans.

        Raises:
            DataError: the texts have no spans.
        """
        forget = problem.forget
        if not isinstance(problem.task, CausalLM):
            return self.unlearner.unlearn(model, problem)
        if SPANS not in forget.fields:
            raise DataError(
                f"OnSpans forgets by the tokens of a field {SPANS!r}, and these texts have {', '.join(forget.fields)}: "
                "take Restor(spans=True), or give them the field"
            )
        narrowed = forget.with_targets(forget.fields[SPANS])
        problem.task.check_examples(narrowed)
        return self.unlearner.unlearn(model, replace(problem, forget=narrowed))
