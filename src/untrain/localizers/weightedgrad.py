"""DEL's localizer."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from untrain.core.fields import Keep
from untrain.core.mask import Head
from untrain.localizers._gradient_sums import gather
from untrain.localizers._mask_units import Channels, Gather, Per, choose
from untrain.localizers.base import Localizer
from untrain.training.problem import Problem


class WeightedGrad(Localizer):
    """Keep the channels whose weights have the largest ``| weight * sum of gradients |``.

    Zeroing a weight changes the loss by ``-weight * gradient`` to first order, so the score is a pruning saliency of
    the forget set.

    >>> from untrain.training.toy import small
    >>> model, problem = small()
    >>> bits = WeightedGrad(keep=0.3, per="weight")(model, problem).bits.values()
    >>> round(sum(int(b.sum()) for b in bits) / sum(b.numel() for b in bits), 2)
    0.3

    Args:
        keep: share of the parameters in the mask.
        per: whether 'channel's, single 'weight's or whole 'tensor's compete.
        on: whose gradients: the 'forget' set's or 'all' training data's.
        channels: how scores become a choice of channels.
        gather: how gradients are summed.
        head: whether the classifier moves in 'full', where 'masked' only, or stays 'frozen'.

    Source: Torkzadehmahani et al. 2024, arXiv 2412.02432, Algorithm 1.
    Departs: sums over every forget example where the authors' code drops the last batch; ``samples='code'`` repeats it.
    """

    keep: Keep = 0.3
    per: Per = "channel"
    on: Literal["forget", "all"] = "forget"
    channels: Channels = Channels()
    gather: Gather = Gather()
    head: Head = "full"

    def needed(self) -> frozenset[str]:
        """The retain set only where gradients are of all training data."""
        return self.needs if self.on == "all" else self.needs - {"retain"}

    def ignores_forget_set(self) -> bool:
        """True on all training data."""
        return self.on == "all"

    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """The mask."""
        scores = gather(model, problem, self.on, self.gather, lambda weight, gradient: weight * gradient)
        return choose(scores, self.per, self.keep, self.channels, model)
