"""Pieces of work that a run is made of: each trains or unlearns one model, and leaves an entry in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.core.metering import metered
from untrain.core.precision import computing
from untrain.data.examples import take
from untrain.experiments.keys import Job, Method, model_ingredients
from untrain.experiments.mask_overlap import mask_contents
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.models.inference import predict
from untrain.models.state import arrays, as_array
from untrain.runtime.store import Contents, Entry, Store, key_of
from untrain.training.keepers.base import Kept
from untrain.training.problem import problem

Weights = Mapping[str, np.ndarray[Any, Any]]
KEPT = "kept-"


@dataclass(frozen=True, eq=False)
class Start:
    """What unlearning starts from: an original's entry, its weights, and by keeper the tensors that were saved in training."""

    entry: Entry
    weights: Weights
    kept: Kept = field(default_factory=dict)


def do(scene: Scene, job: Job, seed: int, setting: Setting, store: Store) -> Entry:
    """Do a job, or find it done; a method that fails is an entry too."""
    ingredients = model_ingredients(scene, job, seed, setting)
    entry = store.get(key_of(ingredients))
    if entry is not None and entry.final:
        return entry
    start = None if job.method is None else _start(do(scene, Job("original", job.index), seed, setting, store), store)

    def work() -> Contents:
        with computing(setting.precision, setting.compiled):
            if job.method is None or start is None:
                return _train(scene, job, ingredients)
            return _unlearn(scene, job.method, start, ingredients, setting)

    return store.get_or_make(ingredients, work, keep_failures=job.method is not None)


def _start(original: Entry, store: Store) -> Start:
    weights = store.tensors(original.key, "weights")
    return Start(original, weights, kept_of(original, store))


def kept_of(original: Entry, store: Store) -> Kept:
    """What keepers saved when an original was trained."""
    parts = {name: store.tensors(original.key, f"{KEPT}{name}") for name in original.record.get("kept", {})}
    return {name: {n: torch.from_numpy(a) for n, a in part.items()} for name, part in parts.items()}


def _train(scene: Scene, job: Job, ingredients: dict[str, Any]) -> Contents:
    original = job.kind == "original"
    examples, kept = scene.data.train if original else scene.remaining, dict[str, Mapping[str, torch.Tensor]]()
    with metered() as meter:
        if original:  # what an unlearner needs later is saved of the models that it starts from
            model, kept = scene.learner.run(examples, ingredients["seed"])  # type: ignore[assignment]
        else:
            model = scene.learner(examples, ingredients["seed"])
        cost = meter.read()
    saved = {name: {n: as_array(t) for n, t in tensors.items()} for name, tensors in kept.items()}
    sizes = {name: sum(a.nbytes for a in part.values()) for name, part in saved.items()}
    record = {"cost": asdict(cost), "notes": list(meter.notes), "kept": sizes}
    return contents_of(model, ask(scene, model), record, {f"{KEPT}{name}": part for name, part in saved.items()})


def limit_of(scene: Scene, start: Entry, budget: float) -> float:
    """Operations that are ``budget`` of retraining's, known before any model is retrained.

    Retraining is reckoned to take the operations of training the original, times the share of examples that stay.
    """
    return float(budget * start.record["cost"]["flops"] * len(scene.retain) / len(scene.data.train))


def _unlearn(scene: Scene, method: Method, start: Start, ingredients: dict[str, Any], setting: Setting) -> Contents:
    origin = start.entry.record["ingredients"]["seed"]
    model = scene.learner.init(scene.data.train, origin)
    model.load_state_dict({n: torch.from_numpy(a) for n, a in start.weights.items()})
    posed = problem(scene.data.train, scene.forget_set, scene.learner, scene.data.valid, ingredients["seed"], origin, start.kept)
    limit = None if setting.budget is None else limit_of(scene, start.entry, setting.budget)
    with metered(limit, f"the budget of {100 * (setting.budget or 0):g} % of retraining") as meter:
        outcome = method.run(model.eval(), posed)
    search = scene.purpose == "search"
    outputs = ask(scene, outcome.model, forget_alone=search)
    where, bits = ({}, {}) if outcome.mask is None else mask_contents(outcome.mask, outcome.model, posed)
    record: dict[str, Any] = {
        "cost": asdict(outcome.cost), "guard": asdict(outcome.guard), "layers": {}, "notes": list(meter.notes)
    }  # fmt: skip
    if search:  # nothing goes on from the models of its many trials
        return Contents(record | where, {**outputs, **bits})
    return contents_of(outcome.model, {**outputs, **bits}, record | where)


def ask(scene: Scene, model: nn.Module, forget_alone: bool = False) -> dict[str, np.ndarray[Any, Any]]:
    """What a model puts out on the training set, or of it on the forget set alone, and on the test set, (n, ...) by name."""
    train, *others = scene.observed
    if forget_alone:
        train = take(train, np.asarray(scene.forget_set.rows))
    parts = [predict(model, examples, scene.task) for examples in (train, *others)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def contents_of(model: nn.Module, outputs: Weights, record: dict[str, Any], kept: Mapping[str, Weights] | None = None) -> Contents:
    """What is stored of a model: its weights, its outputs, what else is known of it, and what keepers saved."""
    return Contents(record, outputs, {"weights": arrays(model), **(kept or {})})
