"""Second moments of what goes into each layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import ModelError
from untrain.data.examples import Examples, batches_without_padding
from untrain.models.tasks.base import Task
from untrain.training.keepers.base import Keeper

CONVOLUTIONS = (nn.Conv1d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class InputCovariance(Keeper):
    """Save, for each linear layer and convolution, ``R^T R`` of its inputs over the training set, (d, d), under its name.

    Rows of R are input vectors of a linear layer, or patches under a convolution's kernel; they are not centred, and a sum,
    so that the moments of several sets add up and those of a forget set can be taken away. Padding of rows of tokens does
    not enter. A convolution in g groups has a matrix per group, (g, d, d). Models whose layers it cannot see are refused.

    Source: the representation matrix of Hoang et al. 2023, arXiv 2312.04095, section 3.2, after Saha et al. 2021.
    """

    def keep(self, model: nn.Module, examples: Examples, task: Task) -> Mapping[str, Tensor]:
        """Layer name -> (d, d), or (g, d, d) where it has g groups, float64.

        Raises:
            ModelError: a convolution is of another kind than ``Conv2d``, or a layer is not called as a module.
        """
        device = next(model.parameters()).device
        sums: dict[str, Tensor] = {}
        with torch.no_grad(), _summed(model, sums):
            for batch in batches_without_padding(examples, 256, device):
                task.forward(model, batch)
        return sums


@contextmanager
def _summed(model: nn.Module, sums: dict[str, Tensor]) -> Iterator[None]:
    """Within, a forward pass adds the second moments of each layer's inputs to ``sums``."""
    parts = dict(model.named_modules())
    for name, part in parts.items():
        if isinstance(part, CONVOLUTIONS):
            raise ModelError(f"InputCovariance knows no patches of {name!r}, which is a {type(part).__name__}: keep something else")
    layers = {name: part for name, part in parts.items() if isinstance(part, nn.Linear | nn.Conv2d)}

    def add(name: str, layer: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        rows = input_rows(layer, inputs[0] if inputs else named["input"]).double()
        moments = (rows.mT @ rows).squeeze(0)
        sums[name] = sums[name] + moments if name in sums else moments

    hooks = [
        part.register_forward_pre_hook(lambda layer, inputs, named, name=name: add(name, layer, inputs, named), with_kwargs=True)
        for name, part in layers.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
    if lacking := [name for name in layers if name not in sums]:
        raise ModelError(f"InputCovariance never saw an input of {lacking[0]!r}: the model does not call it as a layer of its own")


def input_rows(layer: nn.Module, x: Tensor) -> Tensor:
    """Inputs of a layer as rows (g, k, d): vectors of a linear layer, or patches under a convolution's kernel in g groups."""
    if not isinstance(layer, nn.Conv2d):
        return x.reshape(1, -1, x.shape[-1])
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    # The sides of any padding, 'same' among them, as the layer itself pads where it is not with zeros.
    whole = F.pad(x, layer._reversed_padding_repeated_twice, mode=mode)
    patches = F.unfold(whole, layer.kernel_size, layer.dilation, 0, layer.stride)
    by_group = patches.reshape(len(x), layer.groups, -1, patches.shape[-1])  # (b, g, d, places)
    return by_group.permute(1, 0, 3, 2).flatten(1, 2)
