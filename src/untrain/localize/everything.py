"""No localization."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from untrain.core.records import Problem
from untrain.core.roles import Localizer


class Everything(Localizer):
    """Keep every weight: the control without localization.

    Source: none; ``unlearner @ Everything()`` is the unlearner on all parameters, with a mask of ones.
    """

    def blind(self) -> bool:
        """Always."""
        return True

    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """The mask of ones."""
        return {n: torch.ones_like(p, dtype=torch.bool) for n, p in model.named_parameters()}
