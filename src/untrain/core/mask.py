"""The weights that may move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

Head = Literal["full", "masked", "frozen"]


@dataclass(frozen=True, eq=False)
class Mask:
    """The weights that may move, and the forget set for which they were chosen.

    Args:
        bits: parameter name -> bool tensor of the parameter's shape.
        digest: fingerprint of that forget set.
    """

    bits: Mapping[str, Tensor]
    digest: str

    def copied(self) -> Mask:
        """The same mask in memory of its own.

        >>> import torch
        >>> mask = Mask({"weight": torch.tensor([True, False])}, "")
        >>> _ = mask.copied().bits["weight"].fill_(True)
        >>> mask.bits["weight"].tolist()
        [True, False]
        """
        return replace(self, bits={name: bits.clone() for name, bits in self.bits.items()})
