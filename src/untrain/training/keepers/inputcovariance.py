"""Second moments of what goes into each layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import ModelError, NotFinite
from untrain.core.metering import Counter
from untrain.data.batching import in_order
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch, Column, Examples, batch_of
from untrain.data.ragged import PAD, Ragged
from untrain.models.tasks.base import Task
from untrain.training.keepers.base import Keeper, Trainer
from untrain.training.weight_rows import has_weight_rows

ROOM = 2**28  # bytes of rows at a time
CONVOLUTIONS = (nn.Conv1d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class InputCovariance(Keeper):
    """Save, for each linear layer and convolution, ``R^T R`` of its inputs over the training set, (d, d), under its name.

    Rows of R are input vectors of a linear layer, or patches under a convolution's kernel; they are not centred, and a sum,
    so that the moments of several sets add up and those of a forget set can be taken away. Padding of rows of tokens does
    not enter. A convolution in g groups has a matrix per group, (g, d, d). Models whose layers it cannot see are refused.

    Source: the representation matrix of Hoang et al. 2023, arXiv 2312.04095, section 3.2, after Saha et al. 2021.
    """

    def keep(self, model: nn.Module, examples: Examples, learner: Trainer) -> Mapping[str, Tensor]:
        """Layer name -> (d, d), or (g, d, d) where it has g groups, float64.

        Raises:
            ModelError: a convolution is of another kind than ``Conv2d``, or a layer is not called as a module.
        """
        for name, part in model.named_modules():
            if isinstance(part, CONVOLUTIONS):
                kind = type(part).__name__
                raise ModelError(f"InputCovariance knows no patches of {name!r}, which is a {kind}: keep something else")
        moments = input_moments(model, examples, learner.task.resolve(examples))
        if lacking := [name for name, part in model.named_modules() if has_weight_rows(part) and name not in moments]:
            raise ModelError(
                f"InputCovariance never saw an input of {lacking[0]!r}: the model does not call it as a layer of its own"
            )
        return moments


def input_moments(model: nn.Module, examples: Examples, task: Task) -> dict[str, Tensor]:
    """``R^T R`` of the inputs of each linear layer and convolution that the model calls, over a set of examples.

    Args:
        model: in eval mode; it stays as it is.
        examples: whose inputs are summed, as they are, without augmentation.
        task: the model's task.

    Returns:
        Layer name -> (d, d), or (g, d, d) where it has g groups, float64. Layers that the model has and does not call as
        modules, such as those within torch's attention, are not among them.

    Raises:
        NotFinite: an input of a layer is NaN or infinite.
    """
    device, counter = next(model.parameters()).device, Counter()
    sums: dict[str, Tensor] = {}
    with torch.no_grad(), _summed(model, sums):
        for batch in batches_without_padding(examples, 256, device):
            counter.step(len(batch), partial(task.forward, model, batch), backward=False, shape=cost_shape(batch))
    for name, moments in sums.items():
        if not bool(torch.isfinite(moments).all()):
            raise NotFinite(f"inputs of the layer {name!r} are NaN or infinite on some examples")
    return sums


def moments_without(
    kept: Mapping[str, Tensor], model: nn.Module, forget: Examples, task: Task, replacement: Examples | None = None
) -> dict[str, Tensor]:
    """Second moments of the inputs of all examples but some, from those of all: what is saved for the next request.

    Args:
        kept: what ``InputCovariance`` saved of this model, or what this function returned of it.
        model: in eval mode, as it was when they were saved; after a request they hold approximately, as its weights moved.
        forget: examples among those that were summed.
        task: the model's task.
        replacement: examples that take their place, where a request corrects.

    Raises:
        ModelError: the moments are of another model: they lack a layer, or have one that it lacks, or another shape.
    """
    forgotten = input_moments(model, forget, task)
    for name in forgotten.keys() ^ kept.keys():
        raise ModelError(f"the saved covariance is of another model: the layer {name!r} is in only one of them")
    for name, moments in forgotten.items():
        if moments.shape != kept[name].shape:
            raise ModelError(
                f"the saved covariance is of another model: that of the layer {name!r} has shape {tuple(kept[name].shape)}, "
                f"its inputs have {tuple(moments.shape)}"
            )
    added = {} if replacement is None else input_moments(model, replacement, task)
    left = {name: kept[name].to(moments) - moments for name, moments in forgotten.items()}
    return {name: value + added[name] if name in added else value for name, value in left.items()}


@contextmanager
def _summed(model: nn.Module, sums: dict[str, Tensor]) -> Iterator[None]:
    """Within, a forward pass adds the second moments of each layer's inputs to ``sums``."""
    layers = {name: part for name, part in model.named_modules() if has_weight_rows(part)}

    def add(name: str, layer: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        x = inputs[0] if inputs else next(iter(named.values()))
        for piece in x.split(_at_once(layer, x)):
            rows = input_rows(layer, piece).double()
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


def _at_once(layer: nn.Module, x: Tensor) -> int:
    """Examples whose rows fit into ``ROOM`` together: an input of a convolution is in as many patches as its kernel has places."""
    copies = layer.kernel_size[0] * layer.kernel_size[1] if isinstance(layer, nn.Conv2d) else 1
    return max(1, ROOM // max(1, 8 * copies * x[:1].numel()))


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


def batches_without_padding(examples: Examples, size: int, device: torch.device | None = None) -> Iterator[Batch]:
    """Once through the examples in batches in which no row of tokens is padded: rows of one length share a batch.

    Examples whose inputs are not rows of tokens come in their order.
    """
    x = next(iter(examples.fields.values()))
    tokens = isinstance(x, Ragged) or (x.ndim == 2 and x.dtype == torch.int64)
    if not tokens:
        yield from (batch_of(examples, rows, device) for rows in in_order(len(examples), size))
        return
    lengths = _real(x)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        for part in in_order(len(rows), size):
            batch = batch_of(examples, rows[part], device)
            wide = batch.x.shape[1]
            fields = {n: v[:, :length] if v.ndim == 2 and v.shape[1] == wide else v for n, v in batch.fields.items()}
            yield replace(batch, fields=fields)


def _real(column: Column) -> np.ndarray[Any, Any]:
    """Number of places of each row before its padding, (n,)."""
    lengths: np.ndarray[Any, Any] = (column[:] != PAD).sum(1).cpu().numpy()
    return lengths
