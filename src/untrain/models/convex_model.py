"""The kind of model that is the optimum of a convex objective."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import nn

Array = np.ndarray[Any, Any]


class ConvexModel(nn.Module):
    """A model whose outputs are linear in its inputs, up to a fixed function; its weights are those of ``line``."""

    @property
    def line(self) -> nn.Linear:
        """The device of the weights."""
        raise NotImplementedError

    def fill(self, weight: Array, bias: Array) -> Self:
        """The same model with weights (outputs, inputs) and biases (outputs,)."""
        with torch.no_grad():
            self.line.weight.copy_(torch.as_tensor(weight))
            self.line.bias.copy_(torch.as_tensor(bias))
        return self
