"""A multi-layer perceptron, the linear model included."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from untrain.core.fields import Count
from untrain.models.architectures.base import Architecture

NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class MLP(Architecture):
    """Hidden linear layers with ReLU, then a linear classifier, on flattened inputs.

    Args:
        width: units of each hidden layer.
        depth: number of hidden layers; 0 gives a linear model.
        norm: what stands between a hidden layer and its ReLU: 'none', 'batch' norm or 'layer' norm.

    Source: Rumelhart, Hinton and Williams 1986; with no hidden layer multinomial logistic regression.
    """

    width: Count = 128
    depth: Annotated[int, Field(ge=0)] = 1
    norm: Literal["none", "batch", "layer"] = "none"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for inputs of any shape."""
        wide, parts = 1, list[nn.Module]([nn.Flatten()])
        for side in shape:
            wide *= side
        for _ in range(self.depth):
            parts.append(nn.Linear(wide, self.width))
            if self.norm != "none":
                parts.append(NORMS[self.norm](self.width))
            parts.append(nn.ReLU())
            wide = self.width
        return nn.Sequential(*parts, nn.Linear(wide, classes))
