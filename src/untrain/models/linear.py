"""A linear model of full precision: what convex learners fill in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.models.convex_model import ConvexModel

Array = np.ndarray[Any, Any]


class LinearModel(ConvexModel):
    """Outputs that are linear in flattened inputs, in float64, since the optimum of a convex loss is known to more digits than
    float32 has.

    Args:
        inputs: number of inputs.
        outputs: number of outputs.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.linear = nn.utils.skip_init(nn.Linear, inputs, outputs, dtype=torch.float64)  # type: ignore[no-untyped-call]
        self.fill(np.zeros((outputs, inputs)), np.zeros(outputs))

    @property
    def line(self) -> nn.Linear:
        """The device of the weights."""
        linear: nn.Linear = self.linear
        return linear

    def forward(self, x: Tensor) -> Tensor:
        """Outputs, float64 (b, outputs), of inputs (b, ...) of any precision."""
        outputs: Tensor = self.linear(x.flatten(1).to(self.linear.weight.dtype))
        return outputs
