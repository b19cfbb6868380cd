"""A scenario with another learner."""

from __future__ import annotations

from untrain.data.requests.base import Request
from untrain.data.splits import Data
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scenarios.digits import Digits
from untrain.training.base import Learner
from untrain.training.learners.scikitlearn import ScikitLearn


class WithLearner(Scenario):
    """Data and request of a scenario, and another learner, such as ``ScikitLearn()``.

    Args:
        scenario: whose data and request.
        by: what trains the original and the oracles.

    Source: as the scenario says.
    """

    scenario: Scenario = Digits()
    by: Learner = ScikitLearn()

    def load(self) -> Data:
        """Train, valid and test, as the scenario has them."""
        return self.scenario.load()

    def learner(self) -> Learner:
        """The learner."""
        return self.by

    @property  # type: ignore[misc]
    def request(self) -> Request:
        """The scenario's request."""
        return self.scenario.request
