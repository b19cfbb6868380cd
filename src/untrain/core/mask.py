"""The weights that may move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from untrain.core.notebook import html_table

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

    def _repr_html_(self) -> str:
        counts = [(name, int(bits.sum()), bits.numel()) for name, bits in self.bits.items()]
        moved, total = sum(some for _, some, _ in counts), sum(whole for _, _, whole in counts)
        rows = [(name, f"{some:,}", f"{whole:,}", f"{100 * some / max(1, whole):.1f} %") for name, some, whole in counts]
        title = f"Mask: {moved:,} of {total:,} weights may move ({100 * moved / max(1, total):.1f} %)"
        return html_table(title, ("parameter", "may move", "of", "share"), rows)
