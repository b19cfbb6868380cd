"""The role of an architecture: a network's shape under a name."""

from __future__ import annotations

from abc import abstractmethod

from torch import nn

from untrain.core.spec import Spec


class Architecture(Spec, role=True):
    """A network's shape under a name."""

    @abstractmethod
    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for inputs of ``shape`` and ``classes`` answers."""

    def normalises(self) -> bool:
        """Whether it normalises its inputs itself, so that nobody is to do it before."""
        return False

    def sees(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """What its layers get of an input of ``shape``: the same, unless it crops or resizes it first."""
        return shape
