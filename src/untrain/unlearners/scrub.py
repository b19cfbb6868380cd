"""SCRUB, with and without rewinding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput, DataError
from untrain.core.fields import Count
from untrain.core.metering import Counter, add_note
from untrain.core.search_space import SearchHint
from untrain.data.batching import in_order
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch, Examples, batch_of, take
from untrain.models.state import State, state
from untrain.models.tasks.base import Signal, Task
from untrain.training.batch_norm import reestimate
from untrain.training.descend import descend
from untrain.training.distillation import Pull, outputs_of, teacher
from untrain.training.problem import Problem
from untrain.training.process_group import SINGLE, process_group
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners.base import Unlearner


class SCRUB(Unlearner):
    """Teacher and student: in each epoch maximise ``KL(before || model)`` on forget, then minimise ``pull`` on retain.

    The model before the request is the teacher and stays as it was. Batch-norm buffers follow ``steps.buffers``; batches of
    both sets move them. A model without batch norm and dropout puts out the same as its teacher before the first step, so the
    first maximising step has a gradient of zero.

    Args:
        pull: loss that holds the student on the retain set.
        ascents: number of first epochs that walk the forget set.
        forget_batch: forget examples per step.
        rewind: go back to the end of the epoch after which the error on forget was closest to the final model's on
            held-out examples of the same classes (SCRUB+R).
        steps: step size and length.

    Source: Kurmanji et al. 2023, arXiv 2302.09880, algorithms 1 and 2, section 4; code meghdadk/SCRUB,
        large_scale_unlearning.ipynb. Its MIA_experiments.ipynb has Pull(labels=1.0, teacher=0.5), ascents=3, 5 epochs.
    Departs: held-out examples of a class count in proportion to that class's forget examples; rewinding cannot choose the
        untouched model; the step size stays the same (the code's first cut comes after 3 epochs).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels", "divergence"})

    pull: Pull = Pull()
    ascents: Annotated[Count, SearchHint(1, 5)] = 2
    forget_batch: Annotated[Count, SearchHint(16, 512, log=True)] = 32
    rewind: bool = False
    steps: Steps = Steps(lr=5e-4, epochs=3, optimizer=SGD(decay=5e-4), schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; rewinding needs held-out examples too."""
        return self.needs | {"valid", "correct", "classes"} if self.rewind else self.needs

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The student.

        Raises:
            DataError: rewinding lacks held-out examples of a class that is to be forgotten.
            BadInput: several processes cannot rewind.
        """
        held_out = held_out_like_forget(problem) if self.rewind else None
        task, temperature = problem.task, self.pull.temperature
        before = teacher(model, "SCRUB")
        ends: list[State] = []
        forget_batches = problem.forget_batches(replace(self.steps, batch=self.forget_batch))
        retain_batches = problem.retain_batches(self.steps)

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            if held_out is not None and epoch > 0:
                ends.append(state(model))
            if epoch < self.ascents:
                yield from ((None, forget) for (forget,) in forget_batches.draw(epoch))
            yield from ((retain, None) for (retain,) in retain_batches.draw(epoch))

        def loss(retain: Batch | None, forget: Batch | None) -> Tensor:
            batch = cast(Batch, forget if retain is None else retain)
            outputs = task.forward(model, batch)
            divergence = task.divergence(outputs, outputs_of(task, before, batch), batch, temperature).mean()
            return (
                -divergence
                if retain is None
                else self.pull.labels * task.loss_of(outputs, batch).mean() + self.pull.teacher * divergence
            )

        plan = replace(retain_batches, draw=draw, length=0)
        descend(model, loss, plan, self.steps, problem.trainable)
        if held_out is not None and ends:
            self._rewind(model, ends, problem, held_out)
            if self.steps.buffers == "reestimate":
                reestimate(model, plan)
        return model

    def _rewind(self, model: nn.Module, ends: list[State], problem: Problem, held_out: list[Examples]) -> None:
        """Restore the state at the end of the epoch whose error on forget is closest to the held-out one."""
        counts = torch.bincount(problem.forget.y, minlength=problem.forget.classes)
        held_out_errors = [error(model, problem.task, e) for e in held_out]
        target = float(np.average(held_out_errors, weights=counts[counts > 0].cpu()))
        ends = [*ends, state(model)]
        errors = []
        for end in ends:
            restore(model, end)
            errors.append(error(model, problem.task, problem.forget))
        best = min(range(len(ends)), key=lambda at: (abs(errors[at] - target), -at))
        restore(model, ends[best])
        reason = f"where the error on forget, {errors[best]:.3g}, is closest to the held-out {target:.3g}"
        add_note(f"rewound to the end of epoch {best + 1} of {len(ends)}, {reason}")


def held_out_like_forget(problem: Problem) -> list[Examples]:
    """Held-out examples of each class that is to be forgotten, in the order of the classes.

    Raises:
        DataError: there are none of some class.
        BadInput: several processes work together; their batch statistics differ until the end.
    """
    if process_group() is not SINGLE:
        raise BadInput("rewinding takes a single process: use rewind=False, or one process")
    if "classes" not in problem.task.signals:
        raise BadInput(
            f"rewinding compares errors class by class, and {type(problem.task).__name__} has no classes: use rewind=False"
        )
    if problem.valid is None:
        raise DataError("rewinding needs held-out examples, and there are none: give Problem(valid=...) or rewind=False")
    groups = []
    for label in sorted(set(problem.forget.y.tolist())):
        rows = (problem.valid.y == label).nonzero().squeeze(1).cpu().numpy()
        if not len(rows):
            raise DataError(f"rewinding needs held-out examples of each class to forget, and there is none of class {label}")
        groups.append(take(problem.valid, rows))
    return groups


@torch.no_grad()
def error(model: nn.Module, task: Task, examples: Examples) -> float:
    """Share of examples that a model, which is in eval mode, gets wrong."""
    return (len(examples) - float(right(model, task, examples).sum())) / len(examples)


def right(model: nn.Module, task: Task, examples: Examples) -> np.ndarray[Any, Any]:
    """Mark the examples that a model in eval mode gets right: 0 or 1, (n,)."""
    return signals(model, task, examples, "correct")


@torch.no_grad()
def signals(model: nn.Module, task: Task, examples: Examples, name: Signal) -> np.ndarray[Any, Any]:
    """A signal of the task, such as 'loss', of a model in eval mode on each example, (n,)."""
    device, counter, parts = next(model.parameters()).device, Counter(), []
    for rows in in_order(len(examples), 256):
        batch = batch_of(examples, rows, device)
        outputs = counter.step(len(rows), partial(task.forward, model, batch), backward=False, shape=cost_shape(batch))
        stored = {name: value.float().cpu().numpy()[None] for name, value in task.store(outputs, batch).items()}
        parts.append(task.signal(stored, batch.y.cpu().numpy(), name)[0])
    return np.concatenate(parts)


def restore(model: nn.Module, end: State) -> None:
    """Give a model back the values of its parameters and buffers."""
    with torch.no_grad():
        for name, value in (*model.named_parameters(), *model.named_buffers()):
            value.copy_(end[name])
