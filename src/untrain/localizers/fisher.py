"""Selective synaptic dampening's ratio of importances."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from untrain.core.fields import Keep
from untrain.core.mask import Head
from untrain.localizers._gradient_sums import gather
from untrain.localizers._mask_units import Channels, Gather, Per, choose
from untrain.localizers.base import Localizer
from untrain.training.problem import Problem


class Fisher(Localizer):
    """Keep the weights with the largest ``importance(forget) / importance(all data)``; an importance is a ``sum of gradient ** 2``.

    What no example of the forget set moves has a ratio of 0.

    >>> from untrain.training.toy import small
    >>> model, problem = small()
    >>> bits = Fisher(keep=0.3)(model, problem).bits.values()
    >>> round(sum(int(b.sum()) for b in bits) / sum(b.numel() for b in bits), 2)
    0.3

    Args:
        keep: share of the parameters in the mask.
        per: whether single 'weight's, 'channel's or whole 'tensor's compete.
        channels: how scores become a choice of channels.
        gather: whose gradients are squared: each 'batch's, each 'example's (the diagonal of the empirical Fisher
            information), or the 'sum' of each set, forget and retain; all data's importance adds the two squares.
        head: whether the classifier moves in 'full', where 'masked' only, or stays 'frozen'.

    Source: Foster et al. 2024 (SSD), arXiv 2308.07707, eq. 4 and 5; batches as in DEL's code.
    Departs: a batch's gradient is the sum over its examples where the code has the mean, which leaves the order of weights as it
        is where all batches are full; and batches are of the forget or of the retain set, where the code's second pass has
        batches of both together, so that the order may differ.
    """

    keep: Keep = 0.3
    per: Per = "weight"
    channels: Channels = Channels()
    gather: Gather = Gather(magnitude="batch")
    head: Head = "masked"

    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """The mask."""
        forget, retain = (gather(model, problem, on, self.gather, _square) for on in ("forget", "retain"))
        # A frozen weight scores below zero and stays so; where nothing was moved the ratio is 0.
        scores = {n: torch.where(f > 0, f / (f + retain[n]), f) for n, f in forget.items()}
        return choose(scores, self.per, self.keep, self.channels, model)


def _square(weight: Tensor, gradient: Tensor) -> Tensor:
    return gradient**2
