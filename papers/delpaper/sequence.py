"""Requests that come one after the other: each is unlearned from the model that the one before left."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain import parse
from untrain.core.code_digest import code_digest
from untrain.core.errors import BadInput, RunFailed
from untrain.core.precision import computing
from untrain.core.seeds import seed_of
from untrain.core.spec import canonical
from untrain.core.spec_sources import sources
from untrain.data.examples import take
from untrain.experiments.jobs import run_job
from untrain.experiments.keys import Job, engine
from untrain.experiments.scene import Scene, open_scene
from untrain.experiments.setting import Setting
from untrain.models.inference import logits
from untrain.runtime.store import Store, key_of
from untrain.runtime.threads import threads
from untrain.training.problem import problem

SEED = 0
Rows = list[dict[str, float]]


@lru_cache(maxsize=4)
def _scene(scenario: str, setting: Setting) -> Scene:
    return open_scene(parse(scenario), setting)


def parts_of(n: int, count: int, size: int) -> list[np.ndarray[Any, Any]]:
    """Rows of ``count`` requests of ``size`` examples each, drawn at random without overlap."""
    order = np.random.default_rng(SEED).permutation(n)
    return [np.sort(order[i * size : (i + 1) * size]) for i in range(count)]


def walked(scenario: str, method: str, index: int, count: int, fraction: float, setting: Setting, path: str) -> dict[str, Any]:
    """Unlearn request after request, from the index-th original.

    Args:
        scenario: its own request is not looked at.
        method: spelling of an unlearner; empty retrains from scratch at each request, which makes the index-th oracle.
        index: of the original, or of the oracle.
        count: number of requests.
        fraction: share of the training data in each.
        setting: device, threads and precision.
        path: of the store.

    Returns:
        'rows': after each request accuracies on it ('forget'), on all requests so far ('forgotten'), on the rest ('retain')
        and on test data; or 'error'.
    """
    scene, store = _scene(scenario, setting), Store(path)
    made = {
        "kind": "sequence", "label": f"{method or 'oracle'} {index}, {count} requests in a row", "engine": engine(),
        "code": code_digest(__import__(__name__, fromlist=["walked"])), "torch": torch.__version__,
        "data": dict(scene.prints), "learner": canonical(scene.learner), "method": canonical(parse(method)) if method else "",
        "sources": sources(parse(method)) if method else [], "index": index, "count": count, "fraction": fraction,
        "setting": [torch.device(setting.device).type, setting.threads, setting.precision, setting.compiled],
    }  # fmt: skip
    parts = parts_of(len(scene.data.train), count, round(fraction * len(scene.data.train)))
    with store.alone(key_of(made)), threads(setting.threads), computing(setting.precision, setting.compiled):
        done = store.get(key_of(made))
        if done is None:
            try:
                done = store.put(made, {"rows": _walk(scene, method, index, parts, setting, store)})
            except (RunFailed, BadInput) as error:  # the method's failure; the machine's is tried again
                done = store.put(made, {"rows": [], "error": str(error)})
    return {"rows": done.record["rows"], "error": done.record.get("error")}


def _walk(scene: Scene, method: str, index: int, parts: list[np.ndarray[Any, Any]], setting: Setting, store: Store) -> Rows:
    train, learner, gone = scene.data.train, scene.learner, np.array([], dtype=int)
    origin = seed_of(SEED, "original", index)
    model = learner.init(train, origin)
    if method:
        weights = run_job(scene, Job("original", index), SEED, setting, store).tensors("weights")
        model.load_state_dict({n: torch.from_numpy(a) for n, a in weights.items()})
    rows: Rows = []
    for at, part in enumerate(parts):
        held = take(train, np.setdiff1d(np.arange(len(train)), gone))
        gone = np.concatenate([gone, part])
        kept = np.setdiff1d(np.arange(len(train)), gone)
        if method:
            ids = list(np.asarray(train.ids)[part].tolist())
            seed = seed_of(SEED, f"sequence {at}", index)
            model = parse(method)(model.eval(), problem(held, ids, learner, scene.data.valid, seed, origin))
        else:
            model = learner(take(train, kept), seed_of(SEED, f"sequence oracle {at}", index))
        rows.append(_told(model, scene, {"forget": part, "forgotten": gone, "retain": kept}))
    return rows


def _told(model: nn.Module, scene: Scene, parts: dict[str, np.ndarray[Any, Any]]) -> dict[str, float]:
    task = scene.task
    sets = {name: take(scene.data.train, rows) for name, rows in parts.items()} | {"test": scene.data.test}
    return {n: float((logits(model, e, task).argmax(1) == e.y.cpu().numpy()).mean()) for n, e in sets.items()}
