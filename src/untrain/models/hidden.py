"""Outputs of a layer within a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from untrain.core.errors import ModelError


def middle_layer(model: nn.Module) -> str:
    """Name of the layer in the middle of a network's longest list of layers, or else of all its layers with parameters.

    >>> middle_layer(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
    '1'

    Raises:
        ModelError: the network has a single layer.
    """
    kinds = nn.ModuleList | nn.Sequential
    lists: list[tuple[str, Any]] = [
        (name, part) for name, part in model.named_modules() if isinstance(part, kinds) and len(part) > 1
    ]
    if lists:
        # Lists of a transformer's layers go before what else is in a row.
        name, longest = max(lists, key=lambda found: (isinstance(found[1], nn.ModuleList), len(found[1])))
        return f"{name}.{(len(longest) - 1) // 2}".lstrip(".")
    layers: list[str] = [
        name for name, part in model.named_modules() if name and next(part.parameters(recurse=False), None) is not None
    ]
    if len(layers) < 2:
        raise ModelError(f"{type(model).__name__} has a single layer, and none in the middle: name one, or take another method")
    return layers[(len(layers) - 1) // 2]


@contextmanager
def hidden_outputs(model: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """Within, what the layer gives out at each forward pass is added to a list, as (b, places, d).

    Raises:
        ModelError: there is no such layer, or it gives out no tensor.
    """
    layers = dict(model.named_modules())
    if layer not in layers:
        raise ModelError(f"{type(model).__name__} has no layer {layer!r}; its layers are {', '.join(filter(None, layers))}")
    found: list[Tensor] = []
    hook = layers[layer].register_forward_hook(lambda part, inputs, out: found.append(_by_place(layer, out)))
    try:
        yield found
    finally:
        hook.remove()


def _by_place(layer: str, out: Any) -> Tensor:
    first = out[0] if isinstance(out, tuple) and out else out
    if not isinstance(first, Tensor) or first.ndim < 2:
        raise ModelError(f"the layer {layer!r} gives out no vectors: name another one")
    if first.ndim == 2:
        return first[:, None]
    return first.flatten(2).transpose(1, 2) if first.ndim > 3 else first  # channels of an image are its vectors
