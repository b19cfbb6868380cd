"""Projected gradients, request after request: ``python -m papers.vision.sequence --data FOLDER``.

FOLDER holds Fashion-MNIST as train.parquet and test.parquet. Four random requests follow each other, each met from the model that
the one before left. The covariance that protects the retain set is carried on by subtracting each forget set's (of the model as
it is then, while the rest was summed of the original), or computed anew on the retain set; or all is forgotten in one request.
Walks that the store has are not made again. Numbers of single models go to sequence.json beside this file;
``papers.vision.sequence_table`` makes a page of them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from papers.delpaper.sequence import parts_of
from papers.vision.removal import pool_of, say, words, write
from torch import Tensor, nn

import untrain as ut
from untrain.commands.arguments import setting_of
from untrain.core.code_digest import code_digest
from untrain.core.metering import metered
from untrain.core.precision import computing
from untrain.core.seeds import seed_of
from untrain.core.spec import canonical
from untrain.core.spec_sources import sources
from untrain.data.examples import Examples, take
from untrain.experiments.jobs import load_model, run_job, start_of
from untrain.experiments.keys import Job, engine, model_key
from untrain.experiments.scene import Scene, open_scene
from untrain.experiments.setting import Setting
from untrain.models.inference import logits
from untrain.models.tasks.base import Task
from untrain.runtime.executors.base import Pool
from untrain.runtime.store import Contents, Store
from untrain.runtime.threads import threads
from untrain.training.keepers.inputcovariance import input_moments

Document = dict[str, Any]
Moments = Mapping[str, Tensor]
SEED, SEEDS = 0, 20
COUNT, FRACTION = 4, 0.025  # requests, and the share of the training data in each
DATA = "FashionPCA(path={path!r})"
# Three hidden layers: what goes into the later ones changes as the earlier ones move.
LEARNER = "Train(model=MLP(width=64, depth=3), steps=Steps(lr=0.1, epochs=15, batch=64), keepers=(InputCovariance(),))"
# As in the authors' code for a hundred of each of CIFAR-10's classes, but for the step size: with a share of .95 and their .05
# accuracies did not cross within 100 epochs.
PROJECTED = (
    "ProjectedGradient({given}subspace=Subspace(share={share}, empty='free'), stop='valid', steps=Steps(lr={lr}, epochs=100, "
    "optimizer=SGD(momentum=0.0), schedule=Geometric(floor=0.2), buffers='freeze'))"
)
KEPT = "kept:InputCovariance"
# By label the method, and whether all requests are one.
WALKS: Mapping[str, tuple[str, bool]] = {
    "Nothing": ("Nothing()", False),
    "carried on": (PROJECTED.format(given="", share=0.95, lr=0.5), False),
    "computed anew": (PROJECTED.format(given="covariance='retain', ", share=0.95, lr=0.5), False),
    "at once": (PROJECTED.format(given="", share=0.95, lr=0.5), True),
    "carried on, less protected": (PROJECTED.format(given="", share=0.8, lr=0.15), False),
    "without projection": (PROJECTED.format(given="", share=0.0, lr=0.05), False),
    "Retrain": ("Retrain()", False),
}


def main() -> None:
    """Walk from each original and write the numbers of single models."""
    options = words(str(__doc__))
    options.add_argument("--seeds", type=int, default=SEEDS)
    given = options.parse_args()
    scenario = f"WithLearner(scenario={DATA.format(path=given.data)}, by={LEARNER})"
    pool = pool_of(given.workers)
    try:
        found = sequences(scenario, WALKS, given.seeds, given.store, pool)
        write(given.out / "sequence.json", found | {"scenario": DATA.format(path="FashionMNIST"), "learner": LEARNER})
    finally:
        pool.close()


def sequences(scenario: str, walks: Mapping[str, tuple[str, bool]], seeds: int, store: str, pool: Pool) -> Document:
    """Every walk from every original."""
    calls = {f"original {index}": (scenario, walks, index, store) for index in range(seeds)}
    found: dict[str, Document] = {}
    for name, walked in pool.run_all(walks_of, calls):
        found[name] = walked
        say(name)
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "seeds": seeds,
        "command": "python -m papers.vision.sequence --data FashionMNIST" + f" --seeds {seeds}" * (seeds != SEEDS),
        "count": COUNT, "fraction": FRACTION, "torch": torch.__version__,
        "cpu_seconds": sum(walked["cpu_seconds"] for walked in found.values()),
        "methods": {label: method for label, (method, _) in walks.items()},
        "walks": {label: [found[name]["walks"][label] for name in calls] for label in walks},
    }  # fmt: skip


def walks_of(scenario: str, walks: Mapping[str, tuple[str, bool]], index: int, path: str) -> Document:
    """Every walk from one original: 'rows' after each request, or 'error'."""
    began, setting, store = time.process_time(), setting_of("cpu", 1, "auto", False), Store(path)
    scene, found = _scene(scenario, setting), {}
    with threads(1), computing(setting.precision, setting.compiled):
        for label, (method, at_once) in walks.items():
            made = ingredients(scene, method, at_once, index, setting)
            entry = store.get_or_make(
                made, lambda m=method, a=at_once: Contents({"rows": walk(scene, m, a, index, setting, store)}), keep_failures=True
            )
            found[label] = {"rows": entry.record.get("rows", []), "error": entry.record.get("error")}
    return {"walks": found, "cpu_seconds": round(time.process_time() - began)}


@lru_cache(maxsize=1)
def _scene(scenario: str, setting: Setting) -> Scene:
    return open_scene(ut.parse(scenario), setting)


def ingredients(scene: Scene, method: str, at_once: bool, index: int, setting: Setting) -> Document:
    """What a walk depends on."""
    made = ut.parse(method)
    return {
        "kind": "walk", "label": f"{method} from original {index}, {COUNT} requests {'at once' if at_once else 'in a row'}",
        "engine": engine(), "code": code_digest(sys.modules[__name__]), "data": dict(scene.prints), "method": canonical(made),
        "sources": sources(made), "model": model_key(scene, Job("original", index), SEED, setting), "at_once": at_once,
    }  # fmt: skip


def walk(scene: Scene, method: str, at_once: bool, index: int, setting: Setting, store: Store) -> list[Document]:
    """Meet request after request, from one original.

    Returns:
        After each request: accuracies on it ('forget'), on all requests so far ('forgotten'), on the rest ('retain') and on test
        data; 'seconds' and 'notes' of the method; where a covariance was carried on, 'drift' from that of the retain set.
    """
    train, made, gone = scene.data.train, ut.parse(method), np.array([], dtype=int)
    entry = run_job(scene, Job("original", index), SEED, setting, store)
    start, origin = start_of(entry, store), entry.record["ingredients"]["seed"]
    model, kept = load_model(scene, start.weights, origin), dict(start.kept)
    parts = parts_of(len(train), COUNT, round(FRACTION * len(train)))
    rows: list[Document] = []
    for at, part in enumerate([np.sort(np.concatenate(parts))] if at_once else parts):
        held, asked = _without(train, gone), take(train, part)
        gone = np.concatenate([gone, part])
        ids, seed = np.asarray(asked.ids).tolist(), seed_of(SEED, f"sequence {at}", index)
        posed = ut.problem(held, ids, scene.learner, scene.data.valid, seed, origin, kept)
        carried = ut.moments_without(kept["InputCovariance"], model, asked, scene.task) if KEPT in made.needed() else None
        with metered() as meter:
            outcome = made.run(model, posed)
        model, left = outcome.model.eval(), _without(train, gone)
        row: Document = {"seconds": round(outcome.cost.seconds, 3), "notes": list(meter.notes)}
        if carried is not None:
            kept = {"InputCovariance": carried}
            row["drift"] = drift(carried, input_moments(model, left, scene.task))
        sides = {"forget": asked, "forgotten": take(train, gone), "retain": left, "test": scene.data.test}
        rows.append(row | {name: accuracy(model, examples, scene.task) for name, examples in sides.items()})
    return rows


def _without(train: Examples, gone: np.ndarray[Any, Any]) -> Examples:
    return take(train, np.setdiff1d(np.arange(len(train)), gone))


def accuracy(model: nn.Module, examples: Examples, task: Task) -> float:
    """Share of examples that a model gets right."""
    return round(float((logits(model, examples, task).argmax(1) == examples.y.cpu().numpy()).mean()), 5)


def drift(carried: Moments, true: Moments) -> dict[str, float]:
    """Frobenius norm of the difference of two covariances, layer by layer, as a share of the second's."""
    return {name: round(float((carried[name] - moments).norm() / moments.norm()), 5) for name, moments in true.items()}


if __name__ == "__main__":
    main()
