"""Verbs of a scenario, each in one place: it may be somebody's code, which leaves the process as it was."""

from __future__ import annotations

from untrain.core.foreign import foreign
from untrain.data.splits import Data
from untrain.experiments.scenarios.base import Scenario
from untrain.training.base import Learner


def loaded(scenario: Scenario) -> Data:
    """Train, valid and test examples of a scenario."""
    with foreign(scenario, draws=True):
        return scenario.load()


def learner_of(scenario: Scenario) -> Learner:
    """Trains the original and the oracles of a scenario."""
    with foreign(scenario, draws=True):
        return scenario.learner()


def made_elsewhere(scenario: Scenario) -> Scenario:
    """The scenario by which models of somebody else were made."""
    with foreign(scenario, draws=True):
        return scenario.made_elsewhere()
