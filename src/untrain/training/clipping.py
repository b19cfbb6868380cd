"""Gradients scaled down where they are large."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from untrain.core.sharding import is_sharded
from untrain.training.process_group import SINGLE, ProcessGroup, SingleProcess
from untrain.training.trainable import TrainablePart


def clip(
    parts: Sequence[TrainablePart], limit: float, group: ProcessGroup | SingleProcess = SINGLE, stacked: int | None = None
) -> None:
    """Scale gradients in place so that their Euclidean norm over all that may move is at most ``limit``.

    Args:
        parts: what may move; a part without a gradient counts nothing.
        limit: largest norm.
        group: the processes that train the model together. Gradients are summed over them already; those of a sharded
            parameter are spread over them, so that their squares are summed here.
        stacked: number of models along the first dimension, each with a norm of its own; None for one model by itself.
    """
    grads = [(part, part.optimized.grad) for part in parts if part.optimized.grad is not None]
    device = parts[0].optimized.device
    spread, whole = (torch.zeros(stacked or 1, dtype=torch.float64, device=device) for _ in range(2))
    for part, grad in grads:
        squares = grad.detach().double().square().reshape(stacked or 1, -1).sum(1)
        (spread if is_sharded(part.parameter) else whole).add_(squares)
    # Whether or not there is a gradient here: all processes are to do the same.
    if any(is_sharded(part.parameter) for part in parts):
        group.sum([spread])
    factors = (limit / (whole + spread).sqrt()).clamp(max=1)
    for _, grad in grads:
        shape = (1,) * grad.ndim if stacked is None else (-1, *(1,) * (grad.ndim - 1))
        grad.mul_(factors.reshape(shape).to(grad.dtype))
