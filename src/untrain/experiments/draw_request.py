"""Requests that need an ensemble: models of the scenario's own learner, whose memorization chooses what is to be forgotten."""

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
from untrain.data.fingerprint import array_digest, plain
from untrain.data.requests._fraction import eligible
from untrain.data.requests.base import Ensemble, Request
from untrain.data.requests.resolve import request
from untrain.data.requests.verbs import drawn, ensemble_of
from untrain.data.splits import Data
from untrain.experiments.populations.leave_out import count_missing, train_subsets
from untrain.experiments.populations.population import Population, memorization
from untrain.experiments.populations.subsets import BLOCK, Subsets
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scenarios.verbs import learner_of
from untrain.experiments.scene import Choose, Chosen
from untrain.experiments.setting import Setting
from untrain.models.tasks.base import success_of
from untrain.runtime.executors.base import Pool
from untrain.runtime.executors.serial import SerialPool
from untrain.runtime.progress import OnProgress
from untrain.runtime.store import Store

NO_GPU = (
    "an ensemble is trained on a GPU of this machine or on CPUs elsewhere, not on GPUs elsewhere: have its scores written by "
    "`untrain memorize SCENARIO --device cuda --out scores.csv` where a GPU is, and name them, scores='scores.csv'"
)
Before = Callable[[Scenario, Data, int], None]


@dataclass(frozen=True, eq=False)
class EnsembleOptions:
    """Where an ensemble is kept, and how and by whom it is trained.

    Args:
        store: where its outputs are kept, model by model.
        setting: device and threads; an ensemble is always trained in float32 and never compiled.
        pool: that trains; None for this process.
        on_progress: called with progress.
        before: called with the scenario, its data and how many models are missing, before any is trained.
    """

    store: Store
    setting: Setting
    pool: Pool | None = None
    on_progress: OnProgress | None = None
    before: Before | None = None


def needed_ensemble(by: Request, train: Examples) -> Ensemble | None:
    """The ensemble that has to be trained before a request can be drawn; None where the data suffice."""
    return None if MEMORIZATION in train.columns else ensemble_of(by)


def chooser(
    store: Store,
    setting: Setting,
    pool: Pool | None = None,
    on_progress: OnProgress | None = None,
    before: Before | None = None,
) -> Choose:
    """What draws every request: of the data, or by an ensemble, of which what is not in the store is trained."""
    options = EnsembleOptions(store, setting, pool, on_progress, before)

    def choose(scenario: Scenario, data: Data) -> Chosen:
        by = scenario.request
        ensemble = needed_ensemble(by, data.train)
        if ensemble is None:
            return Chosen(request(data.train, by))
        stand_in(data.train, by)
        return choose_by_population(train_ensemble(scenario, data, ensemble, options), by, data.train)

    return choose


def stand_in(train: Examples, by: Request) -> Chosen:
    """As many examples as a request will choose, whichever they are.

    Raises:
        RequestError: it cannot be met, whatever an ensemble will say.
    """
    return Chosen(request(with_memorization(train, np.ones(len(train))), by))


def train_ensemble(scenario: Scenario, data: Data, ensemble: Ensemble, options: EnsembleOptions) -> Population:
    """The population of an ensemble; what is in the store is not trained again, nor by two processes at once.

    Raises:
        BadInput: it would have to be trained on GPUs of other machines, or the task does not say what memorization is of.
    """
    store, setting, pool = options.store, options.setting, options.pool or SerialPool(options.setting.threads)
    learner, subsets, both = learner_of(scenario), _subsets(ensemble), placed(data, pool, setting)
    success_of(learner.task)
    columns = array_digest(*map(plain, (data.train.x, data.train.y)))
    with store.alone(digest(["ensemble", canonical(learner), columns, asdict(ensemble)])):
        missing = count_missing(learner, *both, subsets, store=store, executor=pool)
        if missing and pool.remote and torch.device(setting.device).type != "cpu":
            raise BadInput(NO_GPU)
        if missing and options.before is not None:
            options.before(scenario, data, missing)
        return train_subsets(learner, *both, subsets, store=store, executor=pool, on_progress=options.on_progress)


def count_missing_members(scenario: Scenario, data: Data, ensemble: Ensemble, store: Store | None, setting: Setting) -> int:
    """Number of models of an ensemble that are not in the store.

    Raises:
        BadInput: the task does not say what memorization is of.
    """
    pool = SerialPool(setting.threads)
    learner = learner_of(scenario)
    success_of(learner.task)
    return count_missing(learner, *placed(data, pool, setting), _subsets(ensemble), store=store, executor=pool)


def _subsets(ensemble: Ensemble) -> Subsets:
    return Subsets(models=ensemble.models, seed=ensemble.seed)


def placed(data: Data, pool: Pool, setting: Setting) -> tuple[Examples, Examples]:
    """Training and test data where models are trained; other processes read them from a file."""
    train, test = (to_device(e, "cpu" if pool.remote else setting.device) for e in (data.train, data.test))
    return train, test


def choose_by_population(population: Population, by: Request, train: Examples) -> Chosen:
    """What a request chooses by the outputs of an ensemble, and how well that is known."""
    success, models = success_of(population.task), len(population.seen)
    right = population.signal(success.signal)[:, : len(train)]

    def pick(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return drawn(by, with_memorization(train, values))

    pool = eligible(train, getattr(by, "classes", ()))
    # Within a block every example is seen equally often; halves are made of whole ones.
    half = np.arange(models) // BLOCK % 2 == 1 if models >= 2 * BLOCK else None
    known = choice(right, population.seen, half, pick, pool)
    facts = {
        "request": repr(by), "models": models, "pool": len(pool), "chance": known.count / len(pool), "of": success.mean,
        **asdict(known),
    }  # fmt: skip
    forget_set = request(with_memorization(train, memorization(population).value), by)
    return Chosen(forget_set, facts | {"told": describe_choice(facts)})


def with_memorization(train: Examples, values: np.ndarray[Any, Any]) -> Examples:
    """Training data with a column that holds the memorization of each example."""
    return replace(train, columns={**train.columns, MEMORIZATION: values})


def describe_choice(known: Mapping[str, Any]) -> str:
    """How well a choice is known, in one line."""
    head = (
        f"{known['request']} chose {known['count']} of {known['pool']} examples by {known['models']} models: their mean "
        f"memorization, a difference in {known['of']}, is {known['mean']:.3f} by all of them, which chose and so flatter it"
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
