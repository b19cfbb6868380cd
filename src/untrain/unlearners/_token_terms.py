"""Terms of methods at the places of a batch that are scored: tokens of answers, or one label per example."""

from __future__ import annotations

from torch import Tensor, nn

from untrain.data.examples import Batch
from untrain.maths.forget_losses import mean_over, weighted_ascent
from untrain.models.tasks.base import Task
from untrain.training.distillation import outputs_of


def mean_weighted_ascent(model: nn.Module, task: Task, forget: Batch, sure: float, unsure: float = 0.0) -> Tensor:
    """Mean of ``weighted_ascent`` over the scored places of an example, and over examples."""
    losses, scored = task.place_losses(task.forward(model, forget), forget)
    return mean_over(weighted_ascent(losses, sure, unsure), scored).mean()


def logits_beside(model: nn.Module, before: nn.Module, task: Task, forget: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of a model and of the one before, which get no gradient, (b, t, v) each, and which places are scored, (b, t)."""
    logits, scored = task.logits(task.forward(model, forget), forget)
    then, _ = task.logits(outputs_of(task, before, forget), forget)
    return logits, then, scored
