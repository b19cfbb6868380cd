"""Layers with a weight of two or more dimensions."""

from __future__ import annotations

from torch import nn

from untrain.core.errors import ModelError


def weight_layers(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """Names of each layer's own parameters, by the layer's name, in the order of declaration.

    A layer maps inputs: it is a module without parts that have parameters, such as a linear layer, a convolution or an embedding,
    or torch's attention. Parameters of a container, such as a vision transformer's embeddings of places and its class token, are
    of no layer.

    >>> weight_layers(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1, bias=False)))
    {'0': ('0.weight', '0.bias'), '2': ('2.weight',)}

    Raises:
        ModelError: there is none.
    """
    named = {name for name, _ in model.named_parameters()}
    layers = {}
    for name, part in model.named_modules():
        own = dict(part.named_parameters(recurse=False))
        names = tuple(each for each in (f"{name}.{n}".removeprefix(".") for n in own) if each in named)
        if names and _maps_inputs(part) and any(p.ndim > 1 and p.numel() for p in own.values()):
            layers[name] = names
    if not layers:
        raise ModelError(
            f"{type(model).__name__} has no layer with a weight of two or more dimensions: take a method without layers"
        )
    return layers


def _maps_inputs(part: nn.Module) -> bool:
    inner = (p for child in part.children() for p in child.parameters())
    return isinstance(part, nn.MultiheadAttention) or next(inner, None) is None


def kernels(model: nn.Module) -> dict[str, nn.Parameter]:
    """Weights of two-dimensional convolutions, by name; empty where there are none."""
    params = dict(model.named_parameters())
    layers = [name for name, part in model.named_modules() if isinstance(part, nn.Conv2d)]
    return {name: params[name] for name in (f"{layer}.weight".removeprefix(".") for layer in layers) if name in params}


def kernels_or_matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    """Weights of two-dimensional convolutions, by name, or in a model without any all weights of two or more dimensions of layers.

    >>> list(kernels_or_matrices(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))))
    ['0.weight', '2.weight']

    Raises:
        ModelError: there is none.
    """
    params = dict(model.named_parameters())
    return kernels(model) or {
        n: params[n] for names in weight_layers(model).values() for n in names if params[n].ndim > 1 and params[n].numel()
    }
