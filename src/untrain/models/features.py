"""Inputs of a model's classifier head."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError, NotFinite
from untrain.core.out_of_memory import in_halves
from untrain.core.precision import channels_last
from untrain.data.batching import in_order
from untrain.data.examples import Examples, batch_of
from untrain.data.ragged import Ragged
from untrain.models.tasks.base import Task

Array = np.ndarray[Any, Any]


def features(model: nn.Module, examples: Examples, task: Task, batch: int = 512) -> Array:
    """Inputs of the classifier head of one model in eval mode, float32 (n, d).

    Raises:
        ModelError: the model has no head with one input per example.
        NotFinite: an input is NaN or infinite.
    """
    name = task.head(model)[0].rpartition(".")[0]
    head, device = model.get_submodule(name), next(model.parameters()).device
    modes = [(part, part.training) for part in model.modules()]
    calls: list[Array] = []
    tokens = isinstance(examples.x, Ragged)
    hook = head.register_forward_pre_hook(
        lambda _, positional, named: calls.append(_flat(positional, named, tokens)), with_kwargs=True
    )

    def ask(size: int) -> Array:
        parts = []
        for rows in in_order(len(examples), size):
            calls.clear()
            task.forward(model, batch_of(examples, rows, device))
            if len(calls) != 1 or len(calls[0]) != len(rows):
                reason = f"{name or 'the head'} of {type(model).__name__} does not see each example once"
                raise ModelError(f"{reason}: name the last layer with head_names=(...)")
            parts.append(calls[0])
        return np.concatenate(parts) if parts else np.empty((0, 1), dtype=np.float32)

    model.eval()
    try:
        with torch.no_grad(), channels_last(model):
            vectors = in_halves(ask, batch, "asking the model")
    finally:
        hook.remove()
        for part, was in modes:
            part.training = was
    if not np.isfinite(vectors).all():
        raise NotFinite(f"inputs of the head of {type(model).__name__} are NaN or infinite on some examples")
    return vectors


def _flat(positional: tuple[Any, ...], named: dict[str, Any], tokens: bool) -> Array:
    x = positional[0] if positional else next(iter(named.values()), None)
    if not isinstance(x, Tensor):
        raise ModelError("the head's input is not a tensor")
    if tokens and x.ndim > 2:
        raise ModelError(
            "the head takes a vector per token, and rows have several lengths: there are no vectors of examples to compare"
        )
    return np.asarray(x.detach().reshape(len(x), -1).float().cpu().numpy())
