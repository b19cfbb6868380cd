"""Effects of a scene's forget set, estimated by an attributor from models that are trained for it, or are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.attribution.base import TrainingEvidence
from untrain.attribution.calibration import Multiplier, fit_multiplier
from untrain.attribution.estimation import Estimation
from untrain.attribution.lds import LinearDatamodelingScore, linear_datamodeling_score, predicted_outputs
from untrain.core.errors import RequestError
from untrain.core.seeds import seed_of
from untrain.data.batching import in_order
from untrain.data.examples import Examples, joined
from untrain.experiments.draw_request import placed
from untrain.experiments.keys import attribution_ingredients
from untrain.experiments.populations.leave_out import count_missing, train_subsets
from untrain.experiments.populations.pairs import Pair
from untrain.experiments.populations.populate import are_stored, train_population
from untrain.experiments.populations.subsets import Subsets
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.runtime.executors.base import Pool
from untrain.runtime.executors.serial import SerialPool
from untrain.runtime.progress import OnProgress
from untrain.runtime.store import Contents, Entry, Store
from untrain.training.effects import Effects

Array = np.ndarray[Any, Any]
ROOM = 100_000_000  # numbers of a table of values that are in memory at once
TARGETS = 500  # examples whose outputs check an attributor


@dataclass(frozen=True, eq=False)
class AttributionWork:
    """How models are trained for an attribution.

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
    return work.store.get_or_make(ingredients, lambda: _estimate(scene, estimation, work))


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
    pool, subsets = SerialPool(setting.threads), _subsets(estimation)
    train, test = placed(scene.data, pool, setting)
    missing = count_missing(scene.learner, train, test, subsets, store=store, executor=pool)
    stored = are_stored(scene.learner, train, _left_out(scene, estimation)[0], train, store=store, executor=pool)
    return missing + stored.count(False), subsets.models + len(stored)


def _subsets(estimation: Estimation) -> Subsets:
    """Halves of the population, if there is one, and those of the models that are held out, at the end."""
    models, held_out = estimation.sizes
    population = models if estimation.attributor.needs == "population" else 0
    return Subsets(models=population + held_out, seed=estimation.seed, scheme=estimation.scheme)


def _left_out(scene: Scene, estimation: Estimation) -> tuple[list[Pair], Array]:
    """Pairs of rows and seed that leave out as many random examples as are to be forgotten, and which these are, bool (m, n)."""
    n, size = len(scene.data.train), len(scene.forget_set.rows)
    draw = np.random.default_rng((estimation.seed, size))
    removed = np.zeros((estimation.held_out, n), dtype=bool)
    for row in removed:
        row[draw.choice(n, size, replace=False)] = True
    seeds = [seed_of(estimation.seed, "left out", at) for at in range(len(removed))]
    return [(np.flatnonzero(~row), seed) for row, seed in zip(removed, seeds, strict=True)], removed  # type: ignore[misc]


def _estimate(scene: Scene, estimation: Estimation, work: AttributionWork) -> Contents:
    """Effects on all training examples, and how far to trust them."""
    models, attributor = _train(scene, estimation, work), estimation.attributor
    n, tests = len(models.train), len(models.test)
    draw, room = np.random.default_rng(estimation.seed), max(1, ROOM // (2 * n * models.fitted.shape[2]))
    asked = {"train": _some(draw, n, room), "test": n + _some(draw, tests, room)}
    evidence = TrainingEvidence(
        models.train, joined(models.train, models.test), scene.task, models.fitted, models.fitted_seen, models.originals
    )
    values = {name: attributor(evidence, None, rows) for name, rows in asked.items()}
    multiplier = fit_multiplier(values["train"], models.removed, np.asarray(models.left_out[:, asked["train"]]))
    scores = {name: _score(models, values[name], rows, scene) for name, rows in asked.items()}
    rows = np.sort(np.asarray(scene.forget_set.rows))
    parts = [attributor(evidence, rows, some).sum(0) for some in in_order(n, max(1, ROOM // (len(rows) * models.fitted.shape[2])))]
    effects = multiplier.value * np.concatenate(parts)
    about = describe(estimation, len(rows), multiplier, scores)
    record = {"multiplier": asdict(multiplier), "lds": {n: asdict(s) for n, s in scores.items()}, "about": about}
    return Contents(record, {"effects": effects.astype(np.float32)})


@dataclass(frozen=True, eq=False)
class _Models:
    """Training and test data, and what models put out on both, of which an attribution is made and by which it is checked.

    Args:
        train: the training data.
        test: further examples.
        fitted: logits of the models that an attributor works on, (m, n + tests, c); of none where it takes originals.
        fitted_seen: what these saw, bool (m, n).
        checked: logits of held-out half-subset models.
        checked_seen: what these saw.
        left_out: logits on the training data of models without some of it.
        removed: which examples these lack, bool (k, n).
        labels: of all examples.
        originals: models of all training data, for attributors that take these.
    """

    train: Examples
    test: Examples
    fitted: Array
    fitted_seen: Array
    checked: Array
    checked_seen: Array
    left_out: Array
    removed: Array
    labels: Array
    originals: tuple[nn.Module, ...]


def _train(scene: Scene, estimation: Estimation, work: AttributionWork) -> _Models:
    pool, store = work.pool or SerialPool(work.setting.threads), work.store
    train, test = (replace(e, true=None, columns={}, features=()) for e in placed(scene.data, pool, work.setting))
    pairs, removed = _left_out(scene, estimation)
    subsets, options = _subsets(estimation), {"store": store, "executor": pool, "on_progress": work.on_progress}
    population = train_subsets(scene.learner, train, test, subsets, **options)  # type: ignore[arg-type]
    left_out = train_population(scene.learner, train, pairs, train, **options)["logits"]  # type: ignore[arg-type]
    logits, fitted = population.outputs["logits"], subsets.models - estimation.held_out
    originals = work.originals(estimation.sizes[0]) if estimation.attributor.needs == "models" else ()
    return _Models(
        train, test, logits[:fitted], population.seen[:fitted], logits[fitted:], population.seen[fitted:], left_out, removed,
        population.labels, tuple(originals),
    )  # fmt: skip


def _some(draw: np.random.Generator, n: int, room: int) -> Array:
    """Some rows of n, ascending."""
    return np.sort(draw.permutation(n)[: min(TARGETS, room)])


def _score(models: _Models, values: Array, rows: Array, scene: Scene) -> LinearDatamodelingScore:
    """Linear datamodeling score of margins on held-out models."""
    actual = np.asarray(models.checked[:, rows])
    predicted = predicted_outputs(values, models.checked_seen, actual.mean(0)).astype(np.float32)
    margins = [scene.task.signal({"logits": each}, models.labels[rows], "margin") for each in (predicted, actual)]
    return linear_datamodeling_score(margins[0], margins[1])


def describe(estimation: Estimation, count: int, multiplier: Multiplier, scores: dict[str, LinearDatamodelingScore]) -> str:
    """Say in a line where effects come from, and how far to trust them."""
    models, held_out = estimation.sizes
    trust = ", ".join(f"{s.value:.2f} ({s.low:.2f} to {s.high:.2f}) on {name} examples" for name, s in scores.items())
    scale = f"{multiplier.value:.2f} ({multiplier.low:.2f} to {multiplier.high:.2f})"
    return (
        f"effects of {count} examples by {estimation.attributor!r} of {models} models: linear datamodeling score {trust}; "
        f"multiplied by {scale}, fitted on {held_out} models that each lack {count} random examples"
    )
