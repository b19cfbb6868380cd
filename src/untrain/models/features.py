"""What a model's classifier head sees."""

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
    """What goes into the classifier head of one model in eval mode, float32 (n, d).

    Raises:
        ModelError: the model has no head of one input an example.
        NotFinite: what it sees is NaN or infinite.
    """
    name = task.head(model)[0].rpartition(".")[0]
    head, device = model.get_submodule(name), next(model.parameters()).device
    modes = [(part, part.training) for part in model.modules()]
    heard: list[Array] = []
    tokens = isinstance(examples.x, Ragged)
    hook = head.register_forward_pre_hook(lambda _, given, named: heard.append(_flat(given, named, tokens)), with_kwargs=True)

    def ask(size: int) -> Array:
        found = []
        for rows in in_order(len(examples), size):
            heard.clear()
            task.forward(model, batch_of(examples, rows, device))
            if len(heard) != 1 or len(heard[0]) != len(rows):
                told = f"{name or 'the head'} of {type(model).__name__} does not see each example once"
                raise ModelError(f"{told}: name the last layer with head_names=(...)")
            found.append(heard[0])
        return np.concatenate(found) if found else np.empty((0, 1), dtype=np.float32)

    model.eval()
    try:
        with torch.no_grad(), channels_last(model):
            seen = in_halves(ask, batch, "asking the model")
    finally:
        hook.remove()
        for part, was in modes:
            part.training = was
    if not np.isfinite(seen).all():
        raise NotFinite(f"what the head of {type(model).__name__} sees is NaN or infinite on some examples")
    return seen


def _flat(given: tuple[Any, ...], named: dict[str, Any], tokens: bool) -> Array:
    x = given[0] if given else next(iter(named.values()), None)
    if not isinstance(x, Tensor):
        raise ModelError("the head is not given a tensor")
    if tokens and x.ndim > 2:
        raise ModelError("the head sees a vector per token, and rows have several lengths: no vectors of examples can be compared")
    return np.asarray(x.detach().reshape(len(x), -1).float().cpu().numpy())
