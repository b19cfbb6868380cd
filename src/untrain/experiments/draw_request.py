"""Requests that need an ensemble: models of the scenario's own learner, whose memorization chooses what is to be forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from untrain.core.errors import BadInput
from untrain.core.spec import canonical, digest
from untrain.data.examples import MEMORIZATION, Examples, to_device
from untrain.data.fingerprint import array_digest, plain
from untrain.data.requests.base import Ensemble, Request
from untrain.data.requests.resolve import request
from untrain.data.requests.verbs import drawn, ensemble_of
from untrain.data.splits import Data
from untrain.experiments.example_scores import describe_choice, scores_of
from untrain.experiments.populations.leave_out import count_missing, train_subsets
from untrain.experiments.populations.population import Population
from untrain.experiments.populations.subsets import Subsets
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
    """The way to an ensemble: store, settings, executor, progress callback.

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
    ensemble = ensemble_of(by)
    return None if ensemble is None or ensemble.column in train.columns else ensemble


def chooser(
    store: Store,
    setting: Setting,
    pool: Pool | None = None,
    on_progress: OnProgress | None = None,
    before: Before | None = None,
) -> Choose:
    """Return the function that draws every request: from the data, or by an ensemble; it trains members that the store lacks."""
    options = EnsembleOptions(store, setting, pool, on_progress, before)

    def choose(scenario: Scenario, data: Data) -> Chosen:
        by = scenario.request
        ensemble = needed_ensemble(by, data.train)
        if ensemble is None:
            return Chosen(request(data.train, by))
        stand_in(data.train, by)
        return choose_by_population(train_ensemble(scenario, data, ensemble, options), by, data.train, ensemble.column)

    return choose


def stand_in(train: Examples, by: Request) -> Chosen:
    """As many examples as a request will choose, whichever they are.

    Raises:
        RequestError: it cannot be met, whatever an ensemble will say.
    """
    ensemble = ensemble_of(by)
    return Chosen(request(with_scores(train, MEMORIZATION if ensemble is None else ensemble.column, np.ones(len(train))), by))


def train_ensemble(scenario: Scenario, data: Data, ensemble: Ensemble, options: EnsembleOptions) -> Population:
    """The population of an ensemble; what is in the store is not trained again, nor by two processes at once.

    Raises:
        BadInput: it would have to be trained on GPUs of other machines, or the task does not say what memorization is of.
    """
    store, setting, pool = options.store, options.setting, options.pool or SerialPool(options.setting.threads)
    learner, subsets, both = learner_of(scenario), _subsets(ensemble), placed(data, pool, setting)
    success_of(learner.task)
    columns = array_digest(*map(plain, (data.train.x, data.train.y)))
    with store.alone(digest(["ensemble", canonical(learner), columns, ensemble.models, ensemble.seed])):
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


def choose_by_population(population: Population, by: Request, train: Examples, column: str = MEMORIZATION) -> Chosen:
    """The choice of a request by the outputs of an ensemble, and how well that is known.

    Args:
        population: of the ensemble.
        by: the request.
        train: the training data.
        column: what the request draws by.
    """
    scores = scores_of(population, len(train), column)

    def pick(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return drawn(by, with_scores(train, column, values))

    facts = describe_choice(population, by, train, column, pick)
    return Chosen(request(with_scores(train, column, scores), by), facts)


def with_scores(train: Examples, column: str, values: np.ndarray[Any, Any]) -> Examples:
    """Training data with a column of scores."""
    return replace(train, columns={**train.columns, column: values})
