"""Inputs of a model's classifier head."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError, NotFinite
from untrain.core.out_of_memory import in_halves
from untrain.core.precision import channels_last
from untrain.data.batching import in_order
from untrain.data.examples import Batch, Examples, batch_of
from untrain.data.ragged import Ragged
from untrain.models.tasks.base import Task

Array = np.ndarray[Any, Any]


def features(model: nn.Module, examples: Examples, task: Task, batch: int = 512) -> Array:
    """Inputs of the classifier head of one model in eval mode, float32 (n, d).

    Raises:
        ModelError: the model has no head with one input per example.
        NotFinite: an input is NaN or infinite.
    """
    device = next(model.parameters()).device
    modes = [(part, part.training) for part in model.modules()]
    tokens = isinstance(examples.x, Ragged)

    def ask(size: int) -> Array:
        parts = []
        for rows in in_order(len(examples), size):
            _, vectors = forward_with_features(model, batch_of(examples, rows, device), task, tokens)
            parts.append(np.asarray(vectors.float().cpu().numpy()))
        return np.concatenate(parts) if parts else np.empty((0, 1), dtype=np.float32)

    model.eval()
    try:
        with torch.no_grad(), channels_last(model):
            vectors = in_halves(ask, batch, "asking the model")
    finally:
        for part, was in modes:
            part.training = was
    if not np.isfinite(vectors).all():
        raise NotFinite(f"inputs of the head of {type(model).__name__} are NaN or infinite on some examples")
    return vectors


def forward_with_features(model: nn.Module, batch: Batch, task: Task, tokens: bool = False) -> tuple[Tensor, Tensor]:
    """Outputs of a model and the inputs of its classifier head, (b, d), of one forward pass; both have a gradient.

    >>> from untrain.models.tasks.classification import Classification
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> batch = Batch({"x": torch.ones(5, 1, 2, 2), "y": torch.zeros(5).long()}, torch.arange(5))
    >>> outputs, features = forward_with_features(net, batch, Classification(classes=2))
    >>> tuple(outputs.shape), tuple(features.shape)
    ((5, 2), (5, 3))

    Args:
        model: in the mode in which to run it.
        batch: of b examples.
        task: the model's task; it says which layer is the head.
        tokens: whether rows are tokens of several lengths, of which no vector per example is made.

    Raises:
        ModelError: the model has no head with one input per example.
    """
    with _head_inputs(model, task, tokens) as inputs:
        outputs = task.forward(model, batch)
    if len(inputs) != 1 or len(inputs[0]) != len(batch):
        name = task.head(model)[0].rpartition(".")[0]
        reason = f"{name or 'the head'} of {type(model).__name__} does not see each example once"
        raise ModelError(f"{reason}: name the last layer with head_names=(...)")
    return outputs, inputs[0]


@contextmanager
def _head_inputs(model: nn.Module, task: Task, tokens: bool) -> Iterator[list[Tensor]]:
    """Within, what goes into the head is added to a list."""
    inputs: list[Tensor] = []
    hook = _head_layer(model, task).register_forward_pre_hook(
        lambda _, positional, named: inputs.append(_flat(positional, named, tokens)), with_kwargs=True
    )
    try:
        yield inputs
    finally:
        hook.remove()


def _head_layer(model: nn.Module, task: Task) -> nn.Module:
    """The layer that the head's parameters are of; of those that share them, as an embedding may, the last one declared.

    Raises:
        ModelError: there are several heads.
    """
    names, params = task.head(model), dict(model.named_parameters())
    own = {id(params.get(name)) for name in names}
    holders = [part for part in model.modules() if own <= {id(p) for p in part.parameters(recurse=False)}]
    layers = sorted({name.rpartition(".")[0] for name in names})
    apart = [layer for layer in layers if not f"{layer}.".startswith(f"{layers[0]}.")]
    if not holders and apart:
        raise ModelError(f"{type(model).__name__} has several heads, {layers[0]} and {apart[0]}: no one layer sees its features")
    return holders[-1] if holders else model.get_submodule(layers[0])


def _flat(positional: tuple[Any, ...], named: dict[str, Any], tokens: bool) -> Tensor:
    x = positional[0] if positional else next(iter(named.values()), None)
    if not isinstance(x, Tensor):
        raise ModelError("the head's input is not a tensor")
    if tokens and x.ndim > 2:
        raise ModelError(
            "the head takes a vector per token, and rows have several lengths: there are no vectors of examples to compare"
        )
    return x.reshape(len(x), -1)
