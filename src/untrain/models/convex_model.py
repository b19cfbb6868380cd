"""The kind of model that is the optimum of a convex objective."""

from __future__ import annotations

from torch import nn


class ConvexModel(nn.Module):
    """A model whose outputs are linear in its inputs, up to a fixed function; its weights are those of ``line``."""

    @property
    def line(self) -> nn.Linear:
        """Where the weights are."""
        raise NotImplementedError
