"""The control for localization."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput
from untrain.core.mask import Head
from untrain.core.metering import add_note
from untrain.core.sharding import is_sharded
from untrain.localizers.base import Localizer
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.maths import selection
from untrain.training.problem import Problem


class RandomMask(Localizer):
    """Keep a random choice of as many weights of each tensor as another localizer keeps; whole channels if that one does.

    >>> from untrain.training.toy import small
    >>> model, problem = small()
    >>> bits = RandomMask(like=WeightedGrad(keep=0.3, per="weight"))(model, problem).bits.values()
    >>> round(sum(int(b.sum()) for b in bits) / sum(b.numel() for b in bits), 2)
    0.3

    Args:
        like: the localizer whose counts are matched, exactly.
        draw: whole 'channel's of a tensor where the other keeps those, single 'weight's of each tensor, or single weights
            'anywhere', so that only their number in all is the other's.

    Source: Torkzadehmahani et al. 2024, arXiv 2412.02432, Table 3.
    Departs: the authors' control overshoots each tensor's count by up to a channel; here counts are equal.
    """

    like: Localizer = WeightedGrad()
    draw: Literal["channel", "weight", "anywhere"] = "channel"

    @property
    def classifier(self) -> Head:
        """Head of the matched localizer."""
        return self.like.classifier

    def needed(self) -> frozenset[str]:
        """The needs of the matched localizer."""
        return self.like.needed()

    def ignores_forget_set(self) -> bool:
        """True always: only the counts are another's."""
        return True

    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """The mask."""
        matched = self.like.localize(model, problem)
        if any(map(is_sharded, matched.values())):
            raise BadInput("RandomMask draws over whole tensors, and this model is sharded: draw it on a model that is not")
        drawn = self._drawn(model, matched)
        if all(torch.equal(drawn[n], bits) for n, bits in matched.items()):
            add_note(f"RandomMask has the mask of {self.like!r} itself, and controls nothing: of whole tensors there is one draw")
        return drawn

    def _drawn(self, model: nn.Module, matched: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.draw != "anywhere":
            return {name: _shuffle(bits, self.draw == "channel") for name, bits in matched.items()}
        # What is frozen is not drawn.
        trainable = {name: matched[name] for name, p in model.named_parameters() if p.requires_grad}
        drawn = _shuffle(torch.cat([bits.flatten() for bits in trainable.values()]))
        return matched | dict(zip(trainable, selection.split(drawn, list(trainable.values())), strict=True))


def _shuffle(bits: Tensor, channels: bool = True) -> Tensor:
    """Return as many ones as in ``bits``, elsewhere: rows change places where all are full or empty, elements otherwise.

    A budget that is filled weight by weight cuts one channel: next to full rows one that is neither full nor empty moves whole.
    """
    if channels and bits.ndim > 1:
        table = selection.rows(bits)
        full, cut = table.all(1), table.any(1) & ~table.all(1)
        if int(cut.sum()) <= int(bool(full.any())):
            order = torch.randperm(len(table)).to(bits.device)
            return table[order].reshape(bits.shape)
    return bits.flatten()[torch.randperm(bits.numel()).to(bits.device)].reshape(bits.shape)
