"""A scenario opened: its data, its request, its fingerprints."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from untrain.core.errors import DataError
from untrain.data.examples import Examples, to_device
from untrain.data.fingerprint import array_digest, print_of
from untrain.data.requests.base import ForgetSet
from untrain.data.requests.resolve import remaining, request
from untrain.data.splits import Data
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.setting import Setting
from untrain.models.state import arrays
from untrain.models.tasks.base import Task
from untrain.training.base import Learner


@dataclass(frozen=True)
class Chosen:
    """What is to be forgotten and, where models had to be asked to know it, what is known of the choice."""

    asked: ForgetSet
    facts: Mapping[str, Any] = field(default_factory=dict)


Choose = Callable[[Scenario, Data], Chosen]


@dataclass(frozen=True, eq=False)
class Scene:
    """A scenario made real on a device.

    Args:
        scenario: its spec.
        data: train, valid and test examples.
        asked: what is to be forgotten.
        learner: what trains.
        retain: rows of the training data that stay.
        prints: digests of the training data, the retain set, the part to tune on, all that is observed, the true labels
            and the untrained model.
        chosen: what is known of the choice, where models had to be asked for it; else empty.
    """

    scenario: Scenario
    data: Data
    asked: ForgetSet
    learner: Learner
    retain: np.ndarray[Any, Any]
    prints: Mapping[str, str]
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def remaining(self) -> Examples:
        """What the request leaves of the training data, corrected rows included: what oracles learn from."""
        return remaining(self.data.train, self.asked)

    @property
    def observed(self) -> tuple[Examples, ...]:
        """The examples that models are asked about: training and test data, and what stands in the place of corrected rows."""
        corrected = () if self.asked.replacement is None else (to_device(self.asked.replacement, self.data.test.x.device),)
        return (self.data.train, self.data.test, *corrected)

    @property
    def task(self) -> Task:
        """How models are asked, with what it takes from the training data."""
        return self.learner.task.resolve(self.data.train)


def open_scene(scenario: Scenario, setting: Setting, choose: Choose | None = None) -> Scene:
    """Load the data of a scenario and draw its request.

    Args:
        scenario: its spec.
        setting: where the data are placed.
        choose: what draws the request; None draws it of the data alone, which not every request can be.
    """
    found = scenario.load()
    if found.train.classes == 1:
        raise DataError("the training data have one class: there is nothing to tell apart")
    chosen = Chosen(request(found.train, scenario.request)) if choose is None else choose(scenario, found)
    return scene_of(scenario, found, chosen, setting)


def scene_of(scenario: Scenario, found: Data, chosen: Chosen, setting: Setting) -> Scene:
    """The scene of data that are loaded and a request that is drawn."""
    by = scenario.request
    retain = np.setdiff1d(np.arange(len(found.train)), np.asarray(chosen.asked.rows))
    learner = scenario.learner()
    found = replace(found, valid=by.everywhere(found.valid), test=by.everywhere(found.test))
    train = print_of(found.train)
    others = (found.test, *(() if chosen.asked.replacement is None else (chosen.asked.replacement,)))
    prints = {
        "train": train,
        "retain": print_of(remaining(found.train, chosen.asked)),
        "valid": print_of(found.valid),
        "seen": array_digest(*(np.frombuffer(p.encode(), dtype=np.uint8) for p in (train, *map(print_of, others)))),
        "true": array_digest(*(targets(e, true=True) for e in (found.train, *others))),
        "network": network_of(learner, found.train),
    }
    placed = Data(*(to_device(e, setting.device) for e in (found.train, found.valid, found.test)))
    return Scene(scenario, placed, chosen.asked, learner, retain, prints, chosen.facts)


def targets(examples: Examples, true: bool = False) -> np.ndarray[Any, Any]:
    """Targets of examples as an array (n, ...), as given or before noise; tokens come padded."""
    column = examples.true if true and examples.true is not None else examples.y
    return np.asarray(column[:].cpu().numpy())


def network_of(learner: Learner, examples: Examples) -> str:
    """Digest of the untrained model: two functions of one name need not make the same one."""
    with torch.random.fork_rng(devices=[]):
        model = learner.init(examples, 0)
    state = {n: array_digest(np.atleast_1d(a)) for n, a in arrays(model).items()}
    shape = re.sub(r" at 0x[0-9a-f]+", "", repr(model))  # addresses differ from process to process
    return hashlib.sha256(f"{shape}{state}".encode()).hexdigest()
