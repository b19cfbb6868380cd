"""Inputs as real numbers, which can be changed little by little."""

from __future__ import annotations

from torch import Tensor

from untrain.core.errors import ModelError
from untrain.data.examples import Batch
from untrain.models.tasks.base import Task


def real_inputs(task: Task, batch: Batch, who: str) -> Tensor:
    """Inputs of a model from a batch, (b, ...), as real numbers: uint8 images are scaled to [0, 1].

    >>> import torch
    >>> from untrain.models.tasks.classification import Classification
    >>> images = torch.tensor([[[[0, 255]]]], dtype=torch.uint8)
    >>> real_inputs(Classification(), Batch.labelled(images, torch.tensor([0])), "BoundaryShrink").tolist()
    [[[[0.0, 1.0]]]]

    Args:
        task: the model's task.
        batch: of examples.
        who: the method that changes them, for the message.

    Raises:
        ModelError: they are not real numbers.
    """
    x = task.inputs(batch)
    if not x.is_floating_point():
        raise ModelError(f"{who} changes inputs little by little, and these are {x.dtype}: real numbers are needed")
    return x


def with_inputs(batch: Batch, x: Tensor) -> Batch:
    """The same examples with other inputs."""
    return batch.with_fields(**{next(iter(batch.fields)): x})
