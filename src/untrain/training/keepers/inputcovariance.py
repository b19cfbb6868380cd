"""Second moments of what goes into each layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.data.batching import in_order
from untrain.data.examples import Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.keepers.base import Keeper


class InputCovariance(Keeper):
    """Save, for each linear layer and convolution, ``R^T R`` of its inputs over the training set, (d, d), under its name.

    Rows of R are input vectors of a linear layer, or patches under a convolution's kernel; they are not centred, and a sum,
    so that the moments of several sets add up and those of a forget set can be taken away.

    Source: the representation matrix of Hoang et al. 2023, arXiv 2312.04095, section 3.2, after Saha et al. 2021.
    """

    def keep(self, model: nn.Module, examples: Examples, task: Task) -> Mapping[str, Tensor]:
        """Layer name -> (d, d), float64."""
        device = next(model.parameters()).device
        sums: dict[str, Tensor] = {}
        with torch.no_grad(), _summed(model, sums):
            for rows in in_order(len(examples), 256):
                task.forward(model, batch_of(examples, rows, device))
        return sums


@contextmanager
def _summed(model: nn.Module, sums: dict[str, Tensor]) -> Iterator[None]:
    """Within, a forward pass adds the second moments of each layer's inputs to ``sums``."""

    def add(name: str, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        rows = input_rows(layer, inputs[0]).double()
        sums[name] = sums.get(name, torch.zeros((), dtype=torch.float64, device=rows.device)) + rows.T @ rows

    layers = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    hooks = [part.register_forward_pre_hook(lambda layer, inputs, name=name: add(name, layer, inputs)) for name, part in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def input_rows(layer: nn.Module, x: Tensor) -> Tensor:
    """Inputs of a layer as rows (k, d): vectors of a linear layer, patches under a convolution's kernel."""
    if isinstance(layer, nn.Conv2d):
        patches = F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # type: ignore[arg-type]
        return patches.transpose(1, 2).reshape(-1, patches.shape[1])
    return x.reshape(-1, x.shape[-1])
