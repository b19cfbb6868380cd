"""The accuracy on the forget set below which a method stops."""

from __future__ import annotations

from torch import nn

from untrain.core.metering import add_note
from untrain.data.examples import Examples
from untrain.models.tasks.base import Task
from untrain.training.guard import read_only
from untrain.training.problem import Problem
from untrain.unlearners.scrub import error

FORGOTTEN = 0.01  # where whole classes go


def stop_accuracy(who: str, model: nn.Module, problem: Problem, whole: bool, margin: float = 0.0) -> float | None:
    """The accuracy to stop at: 0.01 where whole classes go, else a model's on held-out examples less a margin; None without any.

    A note says so where there are none: the method then takes all its steps.

    Args:
        who: the method's name.
        model: the original.
        problem: what is forgotten.
        whole: whether the forgotten classes leave nothing.
        margin: how much lower than the held-out accuracy.
    """
    if whole:
        return FORGOTTEN
    if problem.valid is None or not len(problem.valid):
        add_note(f"{who} has no held-out examples to stop by, and takes all its steps: give Problem(valid=...) or stop=...")
        return None
    return accuracy(who, model, problem.task, problem.valid) - margin


def accuracy(who: str, model: nn.Module, task: Task, examples: Examples) -> float:
    """Share of examples that a model gets right in eval mode; modes are as before afterwards."""
    with read_only(who, model):
        return 1 - error(model.eval(), task, examples)
