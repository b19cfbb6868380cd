"""The role of noise: faults planted in training data."""

from __future__ import annotations

from abc import abstractmethod

from untrain.core.spec import Spec
from untrain.data.examples import Examples


class Noise(Spec, role=True):
    """Plants faults in training data before a model learns from it."""

    @abstractmethod
    def plant(self, train: Examples) -> Examples:
        """Return the examples with faults; ``true`` keeps the labels as they were."""
