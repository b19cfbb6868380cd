"""A test of whether models without their smallest weights know again what was forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from untrain.evaluation.base import Array, Measured, Prepared, ScoreInfo
from untrain.evaluation.observers._weakened import compared, infos, known
from untrain.evaluation.observers.base import Observer, ObserverContext


class Pruning(Observer):
    """Probability of the targets in the forget set after the smallest weights of each matrix are set to zero.

    Args:
        share: of each matrix that is set to zero.

    Source: Han et al. 2015, arXiv 1506.02626 (weights by magnitude, layer by layer).
    """

    share: Annotated[float, Field(gt=0, lt=1)] = 0.3

    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = infos("pruned", "whose weights are set to zero where they are smallest")

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Probability before and after, (n, 2)."""
        return known(model, sight, self._pruned)

    def _pruned(self, weight: Tensor) -> Tensor:
        smallest = weight.abs().flatten().argsort(stable=True)[: round(self.share * weight.numel())]
        kept = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
        kept[smallest] = False
        return torch.where(kept.reshape(weight.shape), weight, 0.0)

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Probability after pruning, and its change."""
        return compared("pruned", trial)
