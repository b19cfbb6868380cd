"""The layers next to the input."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from untrain.core.fields import Keep
from untrain.core.mask import Head
from untrain.localizers._forward_order import in_forward_order, score_by_place
from untrain.localizers._mask_units import Channels, Per, choose
from untrain.localizers.base import Localizer
from untrain.training.problem import Problem


class Shallowest(Localizer):
    """Keep tensors from the input onwards until the budget is spent; the forget set plays no part.

    >>> from untrain.training.toy import small
    >>> model, problem = small()
    >>> bits = Shallowest(keep=0.3)(model, problem).bits.values()
    >>> round(sum(int(b.sum()) for b in bits) / sum(b.numel() for b in bits), 2)
    0.3

    Args:
        keep: share of the parameters in the mask.
        per: whether the last tensor is cut to the budget by single 'weight's, the first in its memory, by 'channel's, or
            left out whole ('tensor').
        channels: how channels are chosen; all scores within a tensor are equal.
        head: whether the classifier moves in 'full', where 'masked' only, or stays 'frozen'.

    Source: Torkzadehmahani et al. 2024, arXiv 2412.02432, section 4: the control of ``Deepest``.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget"})

    keep: Keep = 0.3
    per: Per = "weight"
    channels: Channels = Channels()
    head: Head = "full"

    def ignores_forget_set(self) -> bool:
        """True always."""
        return True

    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """The mask."""
        backwards = in_forward_order(model, problem)[::-1]
        return choose(score_by_place(model, backwards), self.per, self.keep, self.channels, model)
