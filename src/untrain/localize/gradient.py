"""SalUn's saliency."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from untrain.core.records import Head, Problem
from untrain.core.roles import Localizer
from untrain.core.steps import Keep
from untrain.localize.choices import Channels, Gather, by_channel, by_weight, gather, has_attention


class Gradient(Localizer):
    """Keep the weights with the largest ``| sum of gradients |`` on the forget set.

    Args:
        keep: share of the parameters in the mask.
        per: whether single 'weight's or 'channel's compete.
        channels: how scores become a choice of channels.
        gather: how gradients are summed.
        head: whether the classifier moves in 'full', where 'masked' only, or stays 'frozen'.

    Source: Fan et al. 2023 (SalUn), arXiv 2310.12508, eq. 3; generate_mask.py of its code.
    """

    keep: Keep = 0.5
    per: Literal["channel", "weight"] = "weight"
    channels: Channels = Channels()
    gather: Gather = Gather()
    head: Head = "masked"

    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """The mask."""
        scores = gather(model, problem, "forget", self.gather, lambda weight, gradient: gradient)
        if self.per == "weight":
            return by_weight(scores, self.keep, self.channels.count)
        return by_channel(scores, self.keep, self.channels, has_attention(model))
