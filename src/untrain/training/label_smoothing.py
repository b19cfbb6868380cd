"""Labels of which a share is spread over all classes."""

from __future__ import annotations

from torch import Tensor, nn

from untrain.data.examples import Batch
from untrain.models.tasks.base import Task


def smoothed_loss(task: Task, model: nn.Module, batch: Batch, smoothing: float) -> Tensor:
    """Loss of each example in nats, (b,), each >= 0: ``(1 - s) * L(label) + s * mean over classes of L(class)``.

    It is the task's own loss where ``smoothing`` is 0. Scores and unlearners never smooth: they ask the task.

    Source: Szegedy et al. 2016, arXiv 1512.00567, section 7.
    """
    if smoothing == 0:
        return task.loss(model, batch)
    return task.smoothed_loss_of(task.forward(model, batch), batch, smoothing)
