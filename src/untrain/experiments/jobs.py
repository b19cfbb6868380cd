"""Pieces of work that a run is made of: each trains or unlearns one model, and leaves an entry in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
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
from untrain.models.inference import logits
from untrain.models.state import arrays
from untrain.runtime.store import Contents, Entry, Store, key_of
from untrain.training.problem import problem, task_of

Weights = Mapping[str, np.ndarray[Any, Any]]


def do(scene: Scene, job: Job, seed: int, setting: Setting, store: Store) -> Entry:
    """Do a job, or find it done; a method that fails is an entry too."""
    ingredients = model_ingredients(scene, job, seed, setting)
    entry = store.get(key_of(ingredients))
    if entry is not None and entry.final:
        return entry
    start = None if job.method is None else do(scene, Job("original", job.index), seed, setting, store)
    weights = {} if start is None else store.tensors(start.key, "weights")

    def work() -> Contents:
        with computing(setting.precision, setting.compiled):
            if job.method is None or start is None:
                return _train(scene, job, ingredients)
            return _unlearn(scene, job.method, start, weights, ingredients, setting)

    return store.get_or_make(ingredients, work, keep_failures=job.method is not None)


def _train(scene: Scene, job: Job, ingredients: dict[str, Any]) -> Contents:
    rows = np.arange(len(scene.data.train)) if job.kind == "original" else scene.retain
    with metered() as meter:
        model = scene.learner(take(scene.data.train, rows), ingredients["seed"])
        cost = meter.read()
    return contents_of(model, {"logits": ask(scene, model)}, {"cost": asdict(cost), "notes": list(meter.notes)})


def limit_of(scene: Scene, start: Entry, budget: float) -> float:
    """Operations that are ``budget`` of retraining's, known before any model is retrained.

    Retraining is reckoned to take the operations of training the original, times the share of examples that stay.
    """
    return float(budget * start.record["cost"]["flops"] * len(scene.retain) / len(scene.data.train))


def _unlearn(
    scene: Scene, method: Method, start: Entry, weights: Weights, ingredients: dict[str, Any], setting: Setting
) -> Contents:
    origin = start.record["ingredients"]["seed"]
    model = scene.learner.init(scene.data.train, origin)
    model.load_state_dict({n: torch.from_numpy(a) for n, a in weights.items()})
    posed = problem(scene.data.train, scene.forget_set, scene.learner, scene.data.valid, ingredients["seed"], origin)
    limit = None if setting.budget is None else limit_of(scene, start, setting.budget)
    with metered(limit, f"the budget of {100 * (setting.budget or 0):g} % of retraining") as meter:
        outcome = method.run(model.eval(), posed)
    search = scene.purpose == "search"
    outputs = ask(scene, outcome.model, forget_alone=search)
    where, bits = ({}, {}) if outcome.mask is None else mask_contents(outcome.mask, outcome.model, posed)
    record: dict[str, Any] = {
        "cost": asdict(outcome.cost), "guard": asdict(outcome.guard), "layers": {}, "notes": list(meter.notes)
    }  # fmt: skip
    if search:  # nothing goes on from the models of its many trials
        return Contents(record | where, {"logits": outputs, **bits})
    return contents_of(outcome.model, {"logits": outputs, **bits}, record | where)


def ask(scene: Scene, model: nn.Module, forget_alone: bool = False) -> np.ndarray[Any, Any]:
    """Logits of a model on the training set, or of it on the forget set alone, and on the test set, (n, c)."""
    task, train = task_of(scene.learner), scene.data.train
    if forget_alone:
        train = take(train, np.asarray(scene.forget_set.rows))
    return np.concatenate([logits(model, examples, task) for examples in (train, scene.data.test)])


def contents_of(model: nn.Module, outputs: Weights, record: dict[str, Any]) -> Contents:
    """What is kept of a model: its weights, its outputs and what else is known of it."""
    return Contents(record, outputs, {"weights": arrays(model)})
