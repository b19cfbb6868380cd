"""The interface of a model that learns one example at a time."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Online(Protocol):
    """A module whose ``memory`` names the buffers that it learns in."""

    memory: tuple[str, ...]

    def learn_one(self, x: Tensor, y: Tensor) -> None:
        """Learn an example: input (...) and label ()."""

    def forget_one(self, x: Tensor, y: Tensor) -> None:
        """Take an example back that was learned before."""
