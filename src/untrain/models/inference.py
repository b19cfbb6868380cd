"""Outputs of a model on examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.core.errors import ModelError, NotFinite
from untrain.core.out_of_memory import in_halves
from untrain.core.precision import channel_last, channels_last, takes_channels_last
from untrain.data.batching import in_order
from untrain.data.examples import Batch, Examples, batch_of
from untrain.models.tasks.base import Signal, Task

Array = np.ndarray[Any, Any]


def predict(model: nn.Module, examples: Examples, task: Task, batch: int | None = None) -> dict[str, Array]:
    """Outputs of one model in eval mode on all examples: float32 (n, ...) by the names of ``task.outputs``.

    Args:
        model: any mode; it has the mode that it had afterwards.
        examples: to run it on.
        task: how.
        batch: most rows at a time; None takes the task's ``asked_at_once``.

    Raises:
        NotFinite: an output is NaN or infinite.
    """
    modes = [(part, part.training) for part in model.modules()]
    device, turned = next(model.parameters()).device, takes_channels_last(model)
    model.eval()

    def ask(size: int) -> dict[str, Array]:
        arrays: dict[str, Array] = {}
        for rows in in_order(len(examples), size):
            drawn = batch_of(examples, rows, device)
            if turned:
                drawn = Batch({**drawn.fields, next(iter(drawn.fields)): channel_last(drawn.x)}, drawn.rows)
            for name, value in task.store(task.forward(model, drawn), drawn).items():
                part = value.float().cpu().numpy()
                if rows[0] == 0:
                    arrays[name] = np.empty((len(examples), *part.shape[1:]), dtype=np.float32)
                arrays[name][rows] = part
        return arrays

    try:
        with torch.no_grad(), channels_last(model):
            outputs = in_halves(ask, batch or task.asked_at_once, "asking the model")
    finally:
        for part, was in modes:
            part.training = was
    for name, array in outputs.items():
        bad = int((~np.isfinite(array)).reshape(len(array), -1).any(1).sum())
        if bad:
            who = f"{type(model).__name__} gives {bad} of {len(array)} examples"
            raise NotFinite(f"{who} {name} that are NaN or infinite: lower its lr")
    return outputs


def signal(model: nn.Module, examples: Examples, task: Task, name: Signal) -> Array:
    """A signal of one model in eval mode, such as 'loss' or 'correct', of each example, (n,)."""
    outputs = {output: array[None] for output, array in predict(model, examples, task).items()}
    return np.asarray(task.signal(outputs, examples.y[:].cpu().numpy(), name)[0])


def logits(model: nn.Module, examples: Examples, task: Task, batch: int | None = None) -> Array:
    """Logits of one classifier in eval mode on all examples, float32 (n, c).

    Raises:
        ModelError: the task stores no logits.
        NotFinite: a logit is NaN or infinite.
    """
    if "logits" not in task.outputs:
        raise ModelError(f"{type(task).__name__} stores {', '.join(task.outputs)}, and logits are needed")
    return predict(model, examples, task, batch)["logits"]
