"""Weights of layers as rows that meet the layers' inputs."""

from __future__ import annotations

import sys

from torch import Tensor, nn


def has_weight_rows(layer: nn.Module) -> bool:
    """True of linear layers, of two-dimensional convolutions, and of the ``Conv1D`` of transformers."""
    return isinstance(layer, nn.Linear | nn.Conv2d) or is_transposed(layer)


def is_transposed(layer: nn.Module) -> bool:
    """True of a linear layer whose weight is (inputs, outputs), as that of GPT-2's layers is."""
    library = sys.modules.get("transformers.pytorch_utils")  # a model with such a layer has imported it
    return library is not None and isinstance(layer, library.Conv1D)


def weight_rows(layer: nn.Module, weight: Tensor) -> Tensor:
    """A tensor of the shape of a layer's weight as rows of d inputs each, in g groups, (g, outputs, d).

    >>> import torch
    >>> weight_rows(nn.Conv2d(4, 6, 3, groups=2), torch.zeros(6, 2, 3, 3)).shape
    torch.Size([2, 3, 18])
    """
    if is_transposed(layer):
        return weight.T[None]
    groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
    return weight.reshape(groups, len(weight) // groups, -1)


def of_rows(layer: nn.Module, rows: Tensor, weight: Tensor) -> Tensor:
    """The inverse of ``weight_rows``: a tensor of the shape of ``weight``."""
    return rows[0].T if is_transposed(layer) else rows.reshape(weight.shape)
