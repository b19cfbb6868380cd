"""Which weights may move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Head = Literal["full", "masked", "frozen"]


@dataclass(frozen=True, eq=False)
class Mask:
    """Which weights may move, and for whose forgetting that was decided.

    Args:
        bits: parameter name -> bool tensor of the parameter's shape.
        digest: fingerprint of the forget set it was made for.
    """

    bits: Mapping[str, Tensor]
    digest: str
