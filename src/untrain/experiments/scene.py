"""A scenario opened: its data, its request, its fingerprints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from untrain.core.errors import DataError
from untrain.core.metering import metered
from untrain.core.spec import digest
from untrain.data.examples import Examples, take, to_device
from untrain.data.fingerprint import array_digest, fields_print, learned_print, print_of, scored_print
from untrain.data.requests.base import ForgetSet
from untrain.data.requests.resolve import remaining, request
from untrain.data.requests.verbs import everywhere
from untrain.data.splits import Data
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scenarios.verbs import learner_of, loaded
from untrain.experiments.setting import Setting
from untrain.experiments.untrained import network_of
from untrain.models.tasks.base import Task
from untrain.training.base import Learner


@dataclass(frozen=True)
class Chosen:
    """The forget set and, where an ensemble was needed to choose it, facts about the choice."""

    forget_set: ForgetSet
    facts: Mapping[str, Any] = field(default_factory=dict)


Choose = Callable[[Scenario, Data], Chosen]
Purpose = Literal["run", "search"]


@dataclass(frozen=True, eq=False)
class Scene:
    """A scenario with its data on a device.

    Args:
        scenario: its spec.
        data: train, valid and test examples; in a search the validation data replace the test data.
        forget_set: the examples to forget.
        learner: trains the models.
        retain: rows of the training data that stay.
        prints: digests: 'train' and 'retain' of what originals and oracles learn from, 'valid' of the part to tune on, 'seen' of
            what models run on, 'labels' of what observers are shown, 'scored' of what scores take beside outputs, and
            'network' of the untrained model.
        chosen: facts about the choice, where an ensemble was needed for it; else empty.
        purpose: 'run', or 'search', which sees no test data.
        notes: on how data and request were read: what was skipped, guessed or converted.
    """

    scenario: Scenario
    data: Data
    forget_set: ForgetSet
    learner: Learner
    retain: np.ndarray[Any, Any]
    prints: Mapping[str, str]
    chosen: Mapping[str, Any] = field(default_factory=dict)
    purpose: Purpose = "run"
    notes: tuple[str, ...] = ()

    @property
    def remaining(self) -> Examples:
        """Training data after the request, corrected rows included: oracles learn from these."""
        return remaining(self.data.train, self.forget_set)

    @property
    def count_remaining(self) -> int:
        """Number of training examples after the request, corrected rows included."""
        replacement = self.forget_set.replacement
        return len(self.retain) + (0 if replacement is None else len(replacement))

    @property
    def observed(self) -> tuple[Examples, ...]:
        """The examples on which models are observed: training and test data, and in a run the replacements of corrected rows."""
        replacement = None if self.purpose == "search" else self.forget_set.replacement
        corrected = () if replacement is None else (to_device(replacement, self.data.test.x.device),)
        return (self.data.train, self.data.test, *corrected)

    @property
    def task(self) -> Task:
        """The learner's task, resolved for the training data."""
        return self.learner.task.resolve(self.data.train)


def open_scene(scenario: Scenario, setting: Setting, choose: Choose | None = None, purpose: Purpose = "run") -> Scene:
    """Load the data of a scenario and draw its request.

    Args:
        scenario: its spec.
        setting: where the data are placed.
        choose: draws the request from all data; None draws it from the training data alone, which some requests refuse.
        purpose: 'run', or 'search', which drops the test data unread.

    Raises:
        DataError: the training data have one class, or a search has no validation data.
    """
    with metered() as meter:
        data = loaded(scenario)
    if data.train.classes == 1:
        raise DataError("the training data have one class: there is nothing to classify")
    if purpose == "search" and (data.valid is None or len(data.valid) == 0):
        raise DataError(f"{type(scenario).__name__} sets no validation data apart: a search needs them to compare trials")
    chosen = Chosen(request(data.train, scenario.request)) if choose is None else choose(scenario, data)
    scene = scene_of(scenario, data if purpose == "run" else replace(data, test=data.valid, probes={}), chosen, setting, purpose)
    return replace(scene, notes=tuple(dict.fromkeys((*meter.notes, *chosen.forget_set.notes))))


def scene_of(scenario: Scenario, data: Data, chosen: Chosen, setting: Setting, purpose: Purpose = "run") -> Scene:
    """Make the scene of loaded data and a drawn request."""
    by = scenario.request
    retain = np.setdiff1d(np.arange(len(data.train)), np.asarray(chosen.forget_set.rows))
    learner = learner_of(scenario)
    replacement = chosen.forget_set.replacement
    valid, test, *probed = everywhere(by, (data.valid, data.test, *data.probes.values()), replacement)
    probes = dict(zip(data.probes, probed, strict=True))
    data = replace(data, valid=valid, test=test, probes=probes)
    others = (data.test, *(() if replacement is None else (replacement,)))
    rows = np.sort(np.asarray(chosen.forget_set.rows))
    asked = [fields_print(learner.task.asked(e)) for e in (data.train, *others)]
    prints = {
        "train": learned_print(data.train, asked[0]),
        "retain": print_of(remaining(data.train, chosen.forget_set)),
        "valid": print_of(data.valid),
        "seen": digest([asked, {name: fields_print(learner.task.asked(e)) for name, e in probes.items()}]),
        "labels": array_digest(*(targets(e) for e in (take(data.train, rows), data.test))),
        "scored": digest([*map(scored_print, (data.train, *others)), {n: scored_print(e) for n, e in probes.items()}]),
        "network": network_of(learner, data.train),
    }
    train_set, valid, test = (to_device(e, setting.device) for e in (data.train, data.valid, data.test))
    placed = Data(train_set, valid, test, {name: to_device(examples, setting.device) for name, examples in probes.items()})
    return Scene(scenario, placed, chosen.forget_set, learner, retain, prints, chosen.facts, purpose)


def probe_file(probe: str, name: str) -> str:
    """Name in the store of an array of a probe, such as what a model puts out on it."""
    return f"probe-{probe}-{name}"


def targets(examples: Examples, true: bool = False) -> np.ndarray[Any, Any]:
    """Targets of examples as an array (n, ...), as given or before noise; tokens come padded."""
    column = examples.true if true and examples.true is not None else examples.y
    return np.asarray(column[:].cpu().numpy())
