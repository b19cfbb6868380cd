"""Any unlearner, and a light finetune after it that repairs what it broke."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from torch import Tensor, nn

from untrain.core.errors import RequestError, SpecError
from untrain.core.seeds import derive_seed
from untrain.data.examples import Batch, Examples
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Constant, Steps
from untrain.unlearners.base import Localized, Unlearner, Wrapping
from untrain.unlearners.guarantee import Release
from untrain.unlearners.npo import NPO


class Repaired(Wrapping):
    """An unlearner, then a light finetune on examples that are not to be forgotten, as a step of its own.

    Losses that grow without an end distort a model, and a few steps on other text make it usable again. They may also bring back
    what was to be forgotten, or hide it: so compare the unlearner with and without, as two methods of one run. The unlearner sees
    what it needs and no more; within a mask the finetune moves the mask's entries alone. Batch-norm buffers follow the
    unlearner's, and then ``steps.buffers``.

    Args:
        unlearner: what forgets.
        on: examples of the finetune: 'retain' takes the retain set, 'valid' the held-out set, which in ``Restor`` has neither what
            is forgotten nor what is kept. Settings that are chosen on the held-out set are then chosen on what the model saw.
        steps: step size and length of the finetune; an epoch is once through these examples.

    Source: Rezaei et al. 2024, arXiv 2411.00204: after each method two epochs on LIMA, with a step size of 2e-5 for 8 billion
        weights.
    Departs: it takes examples that are there, where theirs are instructions of another data set; the step size is for small models.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})  # with its default unlearner

    unlearner: Unlearner = NPO()
    on: Literal["retain", "valid"] = "retain"
    steps: Steps = Steps(lr=1e-4, epochs=1, batch=32, optimizer=AdamW(), schedule=Constant())

    def __post_init__(self) -> None:
        if isinstance(self.unlearner, Localized):
            raise SpecError(
                f"Repaired({self.unlearner!r}): confine the whole, as Repaired(...) @ Gradient(), and not its unlearner"
            )
        if self.unlearner.works_on is not nn.Module:
            raise SpecError(f"Repaired: {self.unlearner!r} changes a {self.unlearner.works_on.__name__}, which no finetune moves")

    def needed(self) -> frozenset[str]:
        """As the unlearner's, and the examples of the finetune with their labels."""
        return super().needed() | {"labels", self.on}

    def may_be_unchanged(self, problem: Problem) -> bool:
        """As the unlearner says, where the finetune takes no step."""
        return problem.epochs(self.steps) == 0 and super().may_be_unchanged(problem)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that forgot, finetuned.

        Raises:
            SpecError: the unlearner proves something, which steps after it would void.
            RequestError: there are no held-out examples.
        """
        examples = self._examples(problem)
        forgot = self.unlearner.unlearn(model, problem.only(self.unlearner.needed(), next(model.parameters()).device))
        if isinstance(forgot, Release):
            raise SpecError(f"{self.unlearner!r} proves what it does, and steps after it void that: take it without Repaired")
        # Batches in an order of their own: with the unlearner's seed both would go through the retain set in the same one.
        beside = replace(problem, retain=examples, seed=derive_seed(problem.seed))

        def loss(batch: Batch) -> Tensor:
            return problem.task.loss(forgot, batch).mean()

        return descend(forgot, loss, beside.retain_batches(self.steps), self.steps, problem.trainable)

    def _examples(self, problem: Problem) -> Examples:
        examples = problem.rest if self.on == "retain" else problem.valid
        if examples is None or not len(examples):
            raise RequestError("Repaired(on='valid') finetunes on held-out examples, and the problem has none: take on='retain'")
        return examples
