"""Noise on weights."""

from __future__ import annotations

import torch
from torch import Tensor


def with_noise(weight: Tensor, deviation: float) -> Tensor:
    """The weight with normal noise of that standard deviation, drawn on the CPU, so that every device adds the same."""
    return weight.detach() + deviation * torch.randn(weight.shape).to(weight)
