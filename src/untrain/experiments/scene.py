"""A scenario opened: its data, its request, its fingerprints."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from untrain.core.errors import DataError
from untrain.data.examples import Examples, take, to_device
from untrain.data.fingerprint import array_digest, print_of
from untrain.data.requests.base import ForgetSet
from untrain.data.requests.resolve import request
from untrain.data.splits import Data
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.setting import Setting
from untrain.models.state import arrays
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


def open_scene(scenario: Scenario, setting: Setting, choose: Choose | None = None) -> Scene:
    """Load the data of a scenario and draw its request.

    Args:
        scenario: its spec.
        setting: where the data are placed.
        choose: what draws the request; None draws it of the data alone, which not every request can be.
    """
    found = scenario.load()
    if found.train.classes < 2:
        raise DataError("the training data have one class: there is nothing to tell apart")
    chosen = Chosen(request(found.train, scenario.request)) if choose is None else choose(scenario, found)
    return scene_of(scenario, found, chosen, setting)


def scene_of(scenario: Scenario, found: Data, chosen: Chosen, setting: Setting) -> Scene:
    """The scene of data that are loaded and a request that is drawn."""
    retain = np.setdiff1d(np.arange(len(found.train)), np.asarray(chosen.asked.rows))
    learner = scenario.learner()
    train = print_of(found.train)
    prints = {
        "train": train,
        "retain": print_of(take(found.train, retain)),
        "valid": print_of(found.valid),
        "seen": array_digest(*(np.frombuffer(p.encode(), dtype=np.uint8) for p in (train, print_of(found.test)))),
        "true": array_digest(*((e.y if e.true is None else e.true).cpu().numpy() for e in (found.train, found.test))),
        "network": network_of(learner, found.train),
    }
    placed = Data(*(to_device(e, setting.device) for e in (found.train, found.valid, found.test)))
    return Scene(scenario, placed, chosen.asked, learner, retain, prints, chosen.facts)


def network_of(learner: Learner, examples: Examples) -> str:
    """Digest of the untrained model: two functions of one name need not make the same one."""
    with torch.random.fork_rng(devices=[]):
        model = learner.init(examples, 0)
    state = {n: array_digest(np.atleast_1d(a)) for n, a in arrays(model).items()}
    shape = re.sub(r" at 0x[0-9a-f]+", "", repr(model))  # addresses differ from process to process
    return hashlib.sha256(f"{shape}{state}".encode()).hexdigest()
