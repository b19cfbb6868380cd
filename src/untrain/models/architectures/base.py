"""The role of an architecture: a network's shape under a name."""

from __future__ import annotations

from abc import abstractmethod

from torch import nn

from untrain.core.spec import Spec


class Architecture(Spec, role=True):
    """A network's shape under a name."""

    @abstractmethod
    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for inputs of ``shape`` and one logit for each of ``classes``."""

    def normalises(self) -> bool:
        """Tell whether it normalises its inputs itself, so that nothing before it should."""
        return False

    def begins_alike(self) -> bool:
        """Tell whether all its weights are loaded, and the same whatever the seed; they must not come of the data to forget."""
        return False

    def sees(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape that its layers get of an input of ``shape``: the same, unless it crops or resizes it first."""
        return shape


def checkpoint_of(architecture: Architecture) -> str:
    """The checkpoint from which a network, or the one within it, is loaded; empty where there is none."""
    inner = getattr(architecture, "model", None)
    return checkpoint_of(inner) if isinstance(inner, Architecture) else getattr(architecture, "checkpoint", "")
