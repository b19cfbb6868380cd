"""Requests that models have to be asked for: an ensemble of the scenario's own learner tells what is to be forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from untrain.attribution.split_half import choice
from untrain.core.errors import BadInput
from untrain.core.spec import canonical, digest
from untrain.data.examples import MEMORIZATION, Examples, to_device
from untrain.data.fingerprint import array_digest
from untrain.data.requests._fraction import eligible
from untrain.data.requests.base import Ensemble, Request
from untrain.data.requests.resolve import request
from untrain.data.splits import Data
from untrain.experiments.populations.leave_out import count_missing, train_subsets
from untrain.experiments.populations.population import Population, answers, memorization
from untrain.experiments.populations.subsets import BLOCK, Subsets
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scene import Choose, Chosen
from untrain.experiments.setting import Setting
from untrain.runtime.executors.base import Executor
from untrain.runtime.executors.local import Serial
from untrain.runtime.progress import OnProgress, ProgressTracker
from untrain.runtime.store import Store

NO_GPU = (
    "an ensemble is trained on a GPU of this machine or on CPUs elsewhere, not on GPUs elsewhere: have its scores written by "
    "`untrain memorize SCENARIO --device cuda --out scores.csv` where a GPU is, and name them, scores='scores.csv'"
)
Before = Callable[[Scenario, Data, int], None]


@dataclass(frozen=True, eq=False)
class EnsembleOptions:
    """By what an ensemble is had: where it is kept, how and by whom it is trained, and who is told.

    Args:
        store: where its answers are kept, model by model.
        setting: device and threads; an ensemble is always trained in float32 and never compiled.
        crew: who trains; None for this process.
        on_progress: called with progress.
        before: told of the scenario, its data and how many models are missing, before any is trained.
    """

    store: Store
    setting: Setting
    crew: Executor | None = None
    on_progress: OnProgress | None = None
    before: Before | None = None


def wanted(by: Request, train: Examples) -> Ensemble | None:
    """The ensemble that has to be asked before a request can be drawn; None where the data tell enough."""
    return None if MEMORIZATION in train.columns else by.ensemble()


def chooser(
    store: Store,
    setting: Setting,
    crew: Executor | None = None,
    on_progress: OnProgress | None = None,
    before: Before | None = None,
) -> Choose:
    """What draws every request: of the data, or after an ensemble was asked, of which what is not in the store is trained."""
    means = EnsembleOptions(store, setting, crew, on_progress, before)

    def choose(scenario: Scenario, found: Data) -> Chosen:
        by = scenario.request
        ensemble = wanted(by, found.train)
        if ensemble is None:
            return Chosen(request(found.train, by))
        some(found.train, by)
        return by_population(asked(scenario, found, ensemble, means), by, found.train)

    return choose


def some(train: Examples, by: Request) -> Chosen:
    """As many examples as a request will choose, whichever they are.

    Raises:
        RequestError: it cannot be met, whatever an ensemble will say.
    """
    return Chosen(request(scored(train, np.ones(len(train))), by))


def asked(scenario: Scenario, found: Data, ensemble: Ensemble, means: EnsembleOptions) -> Population:
    """The answers of an ensemble; what is in the store is not trained again, nor by two processes at once.

    Raises:
        BadInput: it would have to be trained on GPUs of other machines.
    """
    crew = means.crew or Serial(means.setting.threads)
    learner, subsets, data = scenario.learner(), _subsets(ensemble), _placed(found, crew, means.setting)
    with means.store.alone(digest(["ensemble", canonical(learner), array_digest(found.train.x, found.train.y), asdict(ensemble)])):
        missing = count_missing(learner, *data, subsets, store=means.store, crew=crew)
        if missing and crew.apart and torch.device(means.setting.device).type != "cpu":
            raise BadInput(NO_GPU)
        if missing and means.before is not None:
            means.before(scenario, found, missing)
        telling = _Telling(crew, means.on_progress, missing)
        return train_subsets(learner, *data, subsets, store=means.store, crew=telling)


def missing(scenario: Scenario, found: Data, ensemble: Ensemble, store: Store | None, setting: Setting) -> int:
    """Number of models of an ensemble that are not in the store."""
    crew = Serial(setting.threads)
    return count_missing(scenario.learner(), *_placed(found, crew, setting), _subsets(ensemble), store=store, crew=crew)


def _subsets(ensemble: Ensemble) -> Subsets:
    return Subsets(models=ensemble.models, seed=ensemble.seed)


def _placed(found: Data, crew: Executor, setting: Setting) -> tuple[Examples, Examples]:
    """Training and test data where models are trained; other processes read them from a file."""
    train, test = (to_device(e, "cpu" if crew.apart else setting.device) for e in (found.train, found.test))
    return train, test


def by_population(population: Population, by: Request, train: Examples) -> Chosen:
    """What a request chooses by the answers of an ensemble, and how well that is known."""
    right, models = answers(population, "correct")[:, : len(train)], len(population.seen)

    def pick(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(by.draw(scored(train, values)))

    pool = eligible(train, getattr(by, "classes", ()))
    # Within a block every example is seen equally often; halves are made of whole ones.
    half = np.arange(models) // BLOCK % 2 == 1 if models >= 2 * BLOCK else None
    known = choice(right, population.seen, half, pick, pool)
    facts = {"request": repr(by), "models": models, "pool": len(pool), "chance": known.count / len(pool), **asdict(known)}
    asked = request(scored(train, memorization(population).value), by)
    return Chosen(asked, facts | {"told": told(facts)})


def scored(train: Examples, values: np.ndarray[Any, Any]) -> Examples:
    """Training data with a column that holds the memorization of each example."""
    return replace(train, columns={**train.columns, MEMORIZATION: values})


def told(known: Mapping[str, Any]) -> str:
    """How well a choice is known, in one line."""
    head = (
        f"{known['request']} chose {known['count']} of {known['pool']} examples by {known['models']} models: their mean "
        f"memorization is {known['mean']:.3f} by all of them, which chose and so flatter it"
    )
    if known["held_out"] is None:
        head += f"; {2 * BLOCK} models or more tell by how much, and how steady the choice is"
    else:
        head += (
            f", and {known['held_out']:.3f} ({known['low']:.3f} to {known['high']:.3f}) where one half chooses and the other "
            f"measures; the halves agree on {100 * known['agreement']:.0f} % of it, by chance on {100 * known['chance']:.0f} %"
        )
    if known["drawn"] == known["equals"]:
        return head
    return f"{head}; {known['drawn']} of {known['equals']} that are equal at {known['cut']:.3f} were drawn by lot"


class _Telling:
    """A crew that tells of each model of an ensemble as it is finished."""

    def __init__(self, crew: Executor, on_progress: OnProgress | None, total: int):
        self.crew, self.tracker = crew, ProgressTracker(on_progress, total, label="ensemble")
        self.apart, self.threads = crew.apart, getattr(crew, "threads", 1)
        self.on_progress: Callable[[str], None] = self.tracker.note
        crew.on_progress = self.tracker.note

    @property
    def size(self) -> int:
        """As the crew's."""
        return self.crew.size

    def submit(self, name: str, work: Callable[..., Any], *args: Any) -> None:
        """As the crew does."""
        self.crew.submit(name, work, *args)

    def finished(self) -> tuple[str, Any]:
        """As the crew does; several models may be finished at once."""
        name, made = self.crew.finished()
        self.tracker.finished("ensemble", len(made))
        return name, made

    def close(self) -> None:
        """As the crew does."""
        self.crew.close()
