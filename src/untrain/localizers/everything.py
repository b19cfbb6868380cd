"""No localization."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from untrain.localizers.base import Localizer
from untrain.training.problem import Problem


class Everything(Localizer):
    """Keep every weight that is not frozen: the control without localization.

    >>> from untrain.training.toy import small
    >>> model, problem = small()
    >>> bits = Everything()(model, problem).bits.values()
    >>> round(sum(int(b.sum()) for b in bits) / sum(b.numel() for b in bits), 2)
    1.0

    Source: none; ``unlearner @ Everything()`` is the unlearner on all parameters, with a mask of ones.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def ignores_forget_set(self) -> bool:
        """True always."""
        return True

    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """The mask of ones."""
        return {n: torch.full_like(p, p.requires_grad, dtype=torch.bool) for n, p in model.named_parameters()}
