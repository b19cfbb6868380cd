"""Derivatives of single losses by the outputs of a model."""

from __future__ import annotations

import torch
from torch import Tensor

from untrain.data.examples import Batch
from untrain.models.tasks.base import Task


def loss_derivatives(task: Task, batch: Batch, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """First and second derivatives of each example's loss by its outputs, float64 (b, c) and (b, c, c).

    >>> from untrain.models.tasks.classification import Classification
    >>> batch = Batch.labelled(torch.zeros(1, 1), torch.tensor([1]), torch.tensor([0]))
    >>> [part.tolist() for part in loss_derivatives(Classification(), batch, torch.zeros(1, 2))]
    [[[0.5, -0.5]], [[[0.25, -0.25], [-0.25, 0.25]]]]

    Args:
        task: of the model.
        batch: b examples.
        outputs: of the model on them, (b, ...).
    """

    def loss(one: Tensor, fields: dict[str, Tensor], row: Tensor) -> Tensor:
        return task.loss_of(one[None], Batch({n: v[None] for n, v in fields.items()}, row[None])).sum()

    place = (outputs.detach().double(), dict(batch.fields), batch.rows)
    slopes = torch.func.vmap(torch.func.grad(loss))(*place).reshape(len(batch), -1)
    c = slopes.shape[1]
    return slopes, torch.func.vmap(torch.func.jacrev(torch.func.grad(loss)))(*place).reshape(len(batch), c, c)
