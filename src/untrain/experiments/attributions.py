"""Effects of a scene's forget set, estimated by an attributor from models that are trained for it, or are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.attribution.estimate import ROOM, Attribute, EstimationModels, checked_rows, estimate_effects, evidence_of
from untrain.attribution.estimation import Estimation
from untrain.core.errors import RequestError
from untrain.data.examples import Examples
from untrain.experiments.draw_request import placed
from untrain.experiments.estimation_plan import half_subsets, leave_out
from untrain.experiments.keys import attribution_ingredients, values_ingredients
from untrain.experiments.populations.leave_out import count_missing, train_subsets
from untrain.experiments.populations.populate import are_stored, train_population
from untrain.experiments.populations.population import Population
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.runtime.executors.base import Pool
from untrain.runtime.executors.serial import SerialPool
from untrain.runtime.progress import OnProgress
from untrain.runtime.store import Contents, Entry, Store
from untrain.training.effects import Effects

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class AttributionWork:
    """Settings of the training for an attribution.

    Args:
        store: where they, and the attribution, are kept.
        setting: device and threads; models are trained in float32.
        pool: that trains; None for this process.
        on_progress: called with progress.
        originals: the first so many originals of a run, for attributors that work on models of all training data.
    """

    store: Store
    setting: Setting
    originals: Callable[[int], Sequence[nn.Module]]
    pool: Pool | None = None
    on_progress: OnProgress | None = None

    @property
    def hands(self) -> Pool:
        """The pool that trains."""
        return self.pool or SerialPool(self.setting.threads)


def attribution_of(scene: Scene, estimation: Estimation, seed: int, work: AttributionWork) -> Entry:
    """The entry of the estimated effects of a forget set; what is in the store is not estimated again.

    Args:
        scene: data, learner and request.
        estimation: how they are estimated.
        seed: of the run, whose originals some attributors work on.
        work: how models are trained.

    Raises:
        RequestError: the request corrects examples, whose corrected ones no model has seen.
    """
    check_deletes(scene)
    ingredients = attribution_ingredients(scene, estimation, seed, work.setting)
    return work.store.get_or_make(ingredients, lambda: _estimate(scene, estimation, seed, work))


def check_deletes(scene: Scene) -> None:
    """Refuse a request that corrects.

    Raises:
        RequestError: it does.
    """
    if scene.forget_set.replacement is not None:
        raise RequestError("effects are estimated of examples that are deleted, and this request corrects: take another method")


def effects_of(entry: Entry, scene: Scene) -> Effects:
    """The effects of an entry, on the forget and the retain set of a scene."""
    values = torch.from_numpy(np.array(entry.array("effects")))
    rows = np.sort(np.asarray(scene.forget_set.rows))
    return Effects(values[rows], values[scene.retain], about=entry.record["about"])


def count_missing_for(scene: Scene, estimation: Estimation, store: Store | None, setting: Setting) -> tuple[int, int]:
    """Number of models that an attribution would train, and of all that it is made of."""
    pool, subsets = SerialPool(setting.threads), half_subsets(estimation)
    train, test = placed(scene.data, pool, setting)
    missing = count_missing(scene.learner, train, test, subsets, store=store, executor=pool)
    pairs, _ = leave_out(estimation, len(train), len(scene.forget_set.rows))
    stored = are_stored(scene.learner, train, pairs, train, store=store, executor=pool)
    return missing + stored.count(False), subsets.models + len(stored)


def _estimate(scene: Scene, estimation: Estimation, seed: int, work: AttributionWork) -> Contents:
    """Effects on all training examples, and how far to trust them."""
    rows = np.sort(np.asarray(scene.forget_set.rows))
    models = _train(scene, estimation, work)
    found = estimate_effects(models, estimation, rows, scene.task, _attribute(scene, models, estimation, seed, work))
    lds = {name: asdict(score) for name, score in found.scores.items()}
    return Contents({"multipliers": asdict(found.multipliers), "lds": lds, "about": found.about}, {"effects": found.effects})


def _attribute(
    scene: Scene, models: EstimationModels, estimation: Estimation, seed: int, work: AttributionWork
) -> Attribute | None:  # fmt: skip
    """Values from a table in the store, which serves all forget sets; None where they are quickly had, or it would be too large."""
    n, (_, test) = len(models.train), checked_rows(models, estimation)
    covered = np.concatenate([np.arange(n), test])
    if not estimation.attributor.kept or n * len(covered) * models.fitted.shape[2] > ROOM:
        return None
    entry = work.store.get_or_make(
        values_ingredients(scene, estimation, seed, work.setting),
        lambda: Contents({}, {"values": estimation.attributor(evidence_of(models, scene.task), None, covered)}),
    )
    table = entry.array("values")

    def attribute(rows: Array | None, asked: Array) -> Array:
        of = table if rows is None else table[rows]
        return np.asarray(of[:, np.searchsorted(covered, asked)])

    return attribute


def plain(examples: Examples) -> Examples:
    """Examples with what models are shown of them."""
    return replace(examples, true=None, columns={}, features=())


def sets_of(scene: Scene, work: AttributionWork) -> tuple[Examples, Examples]:
    """Training and test data where models are trained, with what these are shown of them."""
    train, test = placed(scene.data, work.hands, work.setting)
    return plain(train), plain(test)


def train_halves(scene: Scene, estimation: Estimation, work: AttributionWork) -> Population:
    """The population that an attributor works on, then the models that are held out; stored ones are not trained again."""
    return train_subsets(
        scene.learner, *sets_of(scene, work), half_subsets(estimation), store=work.store, executor=work.hands,
        on_progress=work.on_progress,
    )  # fmt: skip


def _train(scene: Scene, estimation: Estimation, work: AttributionWork) -> EstimationModels:
    train, test = sets_of(scene, work)
    pairs, removed = leave_out(estimation, len(train), len(scene.forget_set.rows))
    population = train_halves(scene, estimation, work)
    left_out = train_population(
        scene.learner, train, pairs, train, store=work.store, executor=work.hands, on_progress=work.on_progress
    )["logits"]  # fmt: skip
    logits, fitted = population.outputs["logits"], len(population.seen) - estimation.held_out
    originals = work.originals(estimation.sizes[0]) if estimation.attributor.needs == "models" else ()
    return EstimationModels(
        train, test, logits[:fitted], population.seen[:fitted], logits[fitted:], population.seen[fitted:], left_out, removed,
        population.labels, tuple(originals),
    )  # fmt: skip
