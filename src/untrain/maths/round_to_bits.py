"""Weights of few bits, as models have that are made small to be shipped."""

from __future__ import annotations

import torch
from torch import Tensor


def round_to_bits(weight: Tensor, bits: int) -> Tensor:
    """A weight rounded to the nearest of ``2 ** bits - 1`` values, evenly spread around 0, with a scale per row.

    The scale is such that a row's largest value in magnitude stays.

    >>> round_to_bits(torch.tensor([[1.0, -0.6, 0.2], [10.0, 3.0, 0.0]]), 2).tolist()
    [[1.0, -1.0, 0.0], [10.0, 0.0, 0.0]]

    Args:
        weight: (rows, ...), of any number of dimensions.
        bits: 2 or more.

    Source: Jacob et al. 2018, arXiv 1712.05877 (symmetric form, a scale per output channel).
    """
    levels = 2 ** (bits - 1) - 1
    largest = weight.abs().flatten(1).amax(1)
    scale = torch.where(largest > 0, largest / levels, 1.0).reshape(-1, *[1] * (weight.ndim - 1))
    return (weight / scale).round().clamp(-levels, levels) * scale
