"""Naive Bayes with normal features, from running sums."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn


class NaiveBayes(nn.Module):
    """``log p(y) + sum over features of log N(x | mean_y, variance_y)``, from sums that grow and shrink by one example.

    Its sums are float64 and hold all that it learned, so that taking an example back is exact up to rounding.

    Args:
        features: number of features.
        classes: number of classes.
        least: added to each variance.

    Source: Cao and Yang 2015, Towards making systems forget with machine unlearning (summation form), section 3.
    """

    count: Tensor
    total: Tensor
    squares: Tensor
    memory: tuple[str, ...] = ("count", "total", "squares")
    deterministic: ClassVar[bool] = True

    def __init__(self, features: int, classes: int, least: float = 1e-2):
        super().__init__()
        self.register_buffer("count", torch.zeros(classes, dtype=torch.float64))
        self.register_buffer("total", torch.zeros(classes, features, dtype=torch.float64))
        self.register_buffer("squares", torch.zeros(classes, features, dtype=torch.float64))
        self.least = nn.Parameter(torch.tensor(least, dtype=torch.float64))

    def learn_one(self, x: Tensor, y: Tensor) -> None:
        """Add an example to the sums of its class."""
        self._add(x, y, 1.0)

    def forget_one(self, x: Tensor, y: Tensor) -> None:
        """Take an example out of the sums of its class."""
        self._add(x, y, -1.0)

    def _add(self, x: Tensor, y: Tensor, sign: float) -> None:
        row = x.double().flatten()
        self.count[y] += sign
        self.total[y] += sign * row
        self.squares[y] += sign * row**2

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (b, c)."""
        rows = x.double().flatten(1)[:, None]  # (b, 1, d)
        size = self.count.clamp(min=1)[:, None]
        mean = self.total / size
        variance = (self.squares / size - mean**2).clamp(min=0) + self.least.abs()
        prior = ((self.count + 1) / (self.count + 1).sum()).log()
        return prior - 0.5 * ((rows - mean) ** 2 / variance + (2 * math.pi * variance).log()).sum(-1)
