"""The role of a scenario: data, learner and request under a name."""

from __future__ import annotations

from abc import abstractmethod

from untrain.core.spec import Spec
from untrain.data.requests.base import Request
from untrain.data.splits import Data
from untrain.training.base import Learner


class Scenario(Spec, role=True):
    """Data, learner and request under a name."""

    @abstractmethod
    def load(self) -> Data:
        """Train, valid and test examples, noise planted."""

    @abstractmethod
    def learner(self) -> Learner:
        """What trains the original and the oracles."""

    @abstractmethod
    def asked(self) -> Request:
        """What is to be forgotten."""
