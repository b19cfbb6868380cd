"""The role of a scenario: data, learner and request under a name."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from untrain.core.spec import Spec
from untrain.data.requests.base import Request
from untrain.data.splits import Data
from untrain.training.base import Learner


class Scenario(Spec, role=True):
    """Data, learner and request under a name; what is to be forgotten is the field ``request``."""

    if TYPE_CHECKING:  # a field of every scenario, wherever it stands among the others

        @property
        def request(self) -> Request:
            """What is to be forgotten."""

    @abstractmethod
    def load(self) -> Data:
        """Train, valid and test examples, noise planted."""

    @abstractmethod
    def learner(self) -> Learner:
        """What trains the original and the oracles."""
