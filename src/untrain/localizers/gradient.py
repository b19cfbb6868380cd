"""SalUn's saliency."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from untrain.core.fields import Keep
from untrain.core.mask import Head
from untrain.localizers._gradient_sums import gather
from untrain.localizers._mask_units import Channels, Gather, Per, choose
from untrain.localizers.base import Localizer
from untrain.training.problem import Problem


class Gradient(Localizer):
    """Keep the weights with the largest ``| sum of gradients |`` on the forget set.

    >>> from untrain.training.toy import small
    >>> model, problem = small()
    >>> bits = Gradient(keep=0.3)(model, problem).bits.values()
    >>> round(sum(int(b.sum()) for b in bits) / sum(b.numel() for b in bits), 2)
    0.3

    Args:
        keep: share of the parameters in the mask.
        per: whether single 'weight's, 'channel's or whole 'tensor's compete.
        on: whose gradients: the 'forget' set's or 'all' training data's.
        channels: how scores become a choice of channels.
        gather: how gradients are summed.
        head: whether the classifier moves in 'full', where 'masked' only, or stays 'frozen'.

    Source: Fan et al. 2023 (SalUn), arXiv 2310.12508, eq. 3; generate_mask.py of its code.
    """

    keep: Keep = 0.5
    per: Per = "weight"
    on: Literal["forget", "all"] = "forget"
    channels: Channels = Channels()
    gather: Gather = Gather()
    head: Head = "masked"

    def needed(self) -> frozenset[str]:
        """The retain set only where gradients are of all training data."""
        return self.needs if self.on == "all" else self.needs - {"retain"}

    def ignores_forget_set(self) -> bool:
        """True on all training data."""
        return self.on == "all"

    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """The mask."""
        scores = gather(model, problem, self.on, self.gather, lambda weight, gradient: gradient)
        return choose(scores, self.per, self.keep, self.channels, model)
