"""A linear model of two classes with one score."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from untrain.models.convex_model import ConvexModel
from untrain.models.linear import LinearModel


class BinaryLinear(ConvexModel):
    """Logits ``(-f/2, f/2)`` of one linear score f in float64, so that the log-odds of the second class are f.

    >>> import numpy as np
    >>> model = BinaryLinear(2)
    >>> _ = model.fill(np.array([[1.0, 2.0]]), np.array([1.0]))
    >>> model(torch.tensor([[1.0, 1.0]])).tolist()
    [[-2.0, 2.0]]

    Args:
        inputs: number of inputs.
    """

    head_names = ("score.linear.weight", "score.linear.bias")

    def __init__(self, inputs: int):
        super().__init__()
        self.score = LinearModel(inputs, 1)

    @property
    def line(self) -> nn.Linear:
        """The device of the weights."""
        return self.score.line

    def forward(self, x: Tensor) -> Tensor:
        """Logits, float64 (b, 2), of inputs (b, ...) of any precision."""
        half = self.score(x) / 2
        return torch.cat([-half, half], dim=1)
