"""Inputs of each layer of a network, and the effect of a change of its outputs on those of the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import ModelError
from untrain.data.examples import Batch
from untrain.models.tasks.base import Task

Layer = nn.Linear | nn.Conv2d


class Record(NamedTuple):
    """Of a batch of b examples a layer's inputs (b, t, d), with a 1 for a bias, at t places, and gradients there, (b, t, o)."""

    inputs: Tensor
    slopes: Tensor

    def gradients(self) -> Tensor:
        """Of the layer's weights, (b, o, d)."""
        return torch.einsum("bto,btd->bod", self.slopes, self.inputs)


def layers_of(model: nn.Module) -> dict[str, Layer]:
    """Layers whose weights multiply vectors: linear ones, and convolutions of images that are not grouped.

    Raises:
        ModelError: there is none.
    """
    found = {
        name: part
        for name, part in model.named_modules()
        if isinstance(part, nn.Linear)
        or (isinstance(part, nn.Conv2d) and part.groups == 1 and part.padding_mode == "zeros" and isinstance(part.padding, tuple))
    }
    if not found:
        raise ModelError(f"{type(model).__name__} has no linear layer and no convolution of images: take TRAK")
    return found


class Recorder:
    """One forward pass, and as many passes back as the caller wants."""

    def __init__(self, model: nn.Module, task: Task, batch: Batch, layers: dict[str, Layer]):
        self.layers = layers
        self.inputs: dict[str, Tensor] = {}
        self.made: dict[str, Tensor] = {}
        with torch.enable_grad(), _watched(self):
            outputs = task.forward(model, batch)
        self.raw, self.outputs = outputs.detach(), outputs.reshape(len(outputs), -1)
        lacking = sorted(layers.keys() - self.made.keys())
        if lacking:
            raise ModelError(f"the layer {lacking[0]} of {type(model).__name__} takes no part in its outputs")

    def back(self, along: Tensor) -> dict[str, Record]:
        """Records of the sum of outputs times ``along``, (b, c), float64."""
        slopes = torch.autograd.grad(self.outputs, list(self.made.values()), along.to(self.outputs), retain_graph=True)
        return {
            name: Record(self.inputs[name], _places(self.layers[name], slope.detach()).double())
            for name, slope in zip(self.made, slopes, strict=True)
        }


@contextmanager
def _watched(recorder: Recorder) -> Iterator[None]:
    names = {id(layer): name for name, layer in recorder.layers.items()}

    def keep(layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> Tensor:
        name = names[id(layer)]
        if name in recorder.made:
            raise ModelError(f"the layer {name} is used twice, and of its two gradients the curvature is not known: take TRAK")
        recorder.inputs[name] = _inputs(recorder.layers[name], given[0].detach()).double()
        recorder.made[name] = made if made.requires_grad else made.requires_grad_()
        return recorder.made[name].clone()  # what follows may write to it

    handles = [layer.register_forward_hook(keep) for layer in recorder.layers.values()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _inputs(layer: Layer, given: Tensor) -> Tensor:
    """Inputs that a layer multiplies, (b, t, d), with a 1 where it has a bias."""
    if isinstance(layer, nn.Conv2d):
        padding, dilation, stride = layer.padding, layer.dilation, layer.stride
        given = F.unfold(given, layer.kernel_size, dilation, padding, stride).mT  # type: ignore[arg-type]
    elif given.ndim == 1:
        raise ModelError("a linear layer is given one vector for a whole batch: nothing separates its examples")
    rows = given.reshape(len(given), -1, given.shape[-1])
    return rows if layer.bias is None else torch.cat([rows, rows.new_ones(*rows.shape[:2], 1)], 2)


def _places(layer: Layer, slope: Tensor) -> Tensor:
    """Gradients of a layer's outputs, (b, t, o)."""
    if isinstance(layer, nn.Conv2d):
        return slope.flatten(2).mT
    return slope.reshape(len(slope), -1, slope.shape[-1])
