"""Adversarial machine unlearning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from torch import Tensor, nn

from untrain.core.errors import RunFailed
from untrain.core.fields import Count, Positive
from untrain.core.metering import add_note
from untrain.core.search_space import SearchHint
from untrain.data import batching
from untrain.data.examples import Batch, Examples, batch_of, take
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners._adversarial_examples import Ball, nearest_wrong
from untrain.unlearners.base import Unlearner


class AMUN(Unlearner):
    """Minimise ``L(data) + L(nearest adversarial examples of forget, with the model's own wrong labels)``.

    For each forget example, the nearest input that the model calls something else is searched once, before the first step. An
    example that it calls something else already stands for itself. Batches come from all sets together, shuffled; adversarial
    examples are not augmented. Batch-norm buffers follow ``steps.buffers``; all sets move them.

    Args:
        beside: what is trained on beside the adversarial examples: 'retain', all data as they were ('retain and forget'), the
            forget set ('forget'), or 'nothing'; the last two need no retain set.
        radius: Euclidean radius around an input, in units of inputs, that is searched first; it doubles where nothing is found.
        search: gradient steps within one radius at most, each a tenth of it long.
        steps: step size and length.

    Source: Ebrahimpour-Boroojeny et al. 2025, arXiv 2503.00917; code Ali-E/AMUN@9e341a9 (adversarial_unlearn.py,
        pgdl2_modified.py), where 'amun' is 'retain and forget' and 'advonly' is 'retain'.
    Departs: the default is 'retain': with the forget set among the data its labels are trained on. The step size stays the
        same where the code cuts it to a tenth every 1 to 10 epochs, as searched. An input whose loss no longer grows at the
        edge goes on to the doubled radius, where the code has it take all its steps. The search ends after twelve doublings,
        and what it found nothing for is left out, where the code would go on for ever; inputs other than images of uint8 stay
        within the range of those of the forget set, where the code knows images in [0, 1] alone.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "classes", "retain"})

    beside: Literal["retain", "retain and forget", "forget", "nothing"] = "retain"
    radius: Annotated[Positive, SearchHint(1e-3, 10, log=True, asked=True)] = 0.04
    search: Annotated[Count, SearchHint(10, 100, asked=True)] = 50
    steps: Steps = Steps(lr=0.01, epochs=10, optimizer=SGD(decay=5e-4), schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; no retain set where that is not among the data."""
        return super().needed() if "retain" in self.beside else super().needed() - {"retain"}

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model trained on the adversarial examples.

        Raises:
            RunFailed: no adversarial example was found.
            ModelError: inputs are tokens, or outputs do not depend on them.
        """
        task = problem.task
        wrong, missing = nearest_wrong(model, task, problem.forget, Ball(self.radius, self.search), "AMUN")
        if len(missing) == len(wrong):
            raise RunFailed(f"no adversarial example was found for any forget example: raise radius={self.radius}")
        if len(missing):
            add_note(f"no adversarial example was found for {len(missing)} of {len(wrong)} forget examples; they are left out")
            wrong = take(wrong, np.setdiff1d(np.arange(len(wrong)), missing))
        sets = [problem.rest] if "retain" in self.beside else []
        sets += [problem.forget] if "forget" in self.beside else []
        plan = _union(problem, sets, wrong, self.steps)
        return descend(model, lambda batch: task.loss(model, batch).mean(), plan, self.steps, problem.trainable)


def _union(problem: Problem, sets: Sequence[Examples], last: Examples, steps: Steps) -> Plan:
    """Shuffled batches of several sets, the last of which has real inputs and is not augmented."""
    ends = np.cumsum([len(part) for part in (*sets, last)])
    changes: Sequence[Any] = getattr(problem.recipe, "augment", ())

    def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
        rng = np.random.default_rng((problem.seed, epoch))
        for rows in batching.shuffled(int(ends[-1]), steps.batch, rng):
            parts = []
            for examples, end in zip((*sets, last), ends, strict=True):
                inside = rows[(rows >= end - len(examples)) & (rows < end)] - (end - len(examples))
                if len(inside):
                    batch = batch_of(examples, inside)
                    for change in changes if examples is not last else ():
                        batch = _with_inputs(batch, change(batch.x, rng))
                    parts.append(_with_inputs(batch, problem.task.inputs(batch)))
            yield (Batch.cat(parts),)

    length = batching.count(int(ends[-1]), steps.batch)
    return Plan(problem.epochs(steps), draw, problem.retain, problem.task, length)


def _with_inputs(batch: Batch, x: Tensor) -> Batch:
    return batch.with_fields(**{next(iter(batch.fields)): x})
