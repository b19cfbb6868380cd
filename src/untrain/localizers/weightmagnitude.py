"""Magnitudes of weights, as pruning takes them."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from untrain.core.fields import Keep
from untrain.core.mask import Head
from untrain.localizers._mask_units import Channels, Per, choose, scored
from untrain.localizers.base import Localizer
from untrain.training.problem import Problem


class WeightMagnitude(Localizer):
    """Keep the weights with the largest ``| weight |``; the forget set plays no part.

    >>> from untrain.training.toy import small
    >>> model, problem = small()
    >>> bits = WeightMagnitude(keep=0.3)(model, problem).bits.values()
    >>> round(sum(int(b.sum()) for b in bits) / sum(b.numel() for b in bits), 2)
    0.3

    Args:
        keep: share of the parameters in the mask.
        per: whether single 'weight's, 'channel's or whole 'tensor's compete.
        channels: how scores become a choice of channels.
        head: whether the classifier moves in 'full', where 'masked' only, or stays 'frozen'.

    Source: the criterion 'weight' of DEL's code, reihaneh-torkzadehmahani/DEL-Unlearning@b1f732c, generate_mask.py.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    keep: Keep = 0.3
    per: Per = "weight"
    channels: Channels = Channels()
    head: Head = "full"

    def ignores_forget_set(self) -> bool:
        """True always."""
        return True

    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """The mask."""
        scores = scored(model, lambda name, weight: weight.abs())
        return choose(scores, self.per, self.keep, self.channels, model)
