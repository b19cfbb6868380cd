"""What work will cost before it is begun: how many models are to be made, and about how long that takes here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from untrain.core.errors import StoreError, UntrainError
from untrain.core.precision import computing
from untrain.core.spec import canonical
from untrain.data.batching import count
from untrain.data.examples import take
from untrain.data.splits import Data
from untrain.experiments.comparison import Todo
from untrain.experiments.draw_request import Before, needed_ensemble, stand_in
from untrain.experiments.keys import Job, Method
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scene import Scene, scene_of
from untrain.experiments.setting import Setting
from untrain.models.inference import predict
from untrain.runtime.store import Entry, Store
from untrain.training.steps import Steps, epochs_of
from untrain.unlearners.base import Localized, Recipe

READ, MEMBERS = 400, 50  # records at most that are looked through, of models and of members of ensembles
ENOUGH = 5  # records of a kind that are averaged
WARM, TIMED = 2, 6  # gradient steps of a pilot
ASKED = 512


@dataclass(frozen=True)
class Price:
    """What work will cost.

    Args:
        train: models to be made.
        stored: models that are in the store already.
        seconds: about how long making them takes here, with all workers; None where nothing is known.
        workers: models that are made at once.
        basis: what the seconds are reckoned from: 'records' of the store, a 'pilot' of a few steps, 'both', or 'nothing'.
        kinds: how many of each kind are to be made: 'original', 'oracle', 'unlearned' and, where a request needs one,
            'ensemble'.
    """

    train: int
    stored: int
    seconds: float | None
    workers: int
    basis: str
    kinds: Mapping[str, int]

    def to_text(self) -> str:
        """In one line."""
        there = f"{self.stored} {'model is' if self.stored == 1 else 'models are'} in the store"
        if not self.train:
            return f"price: nothing to train, {there}"
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.kinds.items() if n)
        head = f"price: {self.train} {'model' if self.train == 1 else 'models'} to train ({kinds}), {there}"
        if self.seconds is None:
            return f"{head}; nobody knows how long that takes: there are no records of this learner, and it has no steps to time"
        how = {"records": "by records of the store", "pilot": "by a pilot of a few steps", "both": "by records and a pilot"}
        hands = "" if self.workers == 1 else f" with {self.workers} workers"
        return (
            f"{head}; about {lasting(self.seconds)} of training here{hands} (scoring and start-up not counted), {how[self.basis]}"
        )

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"kinds": dict(self.kinds), "told": self.to_text()}


def lasting(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def price(todo: Todo, store: Store | None, setting: Setting, workers: int) -> Price:
    """What it will cost to make all models that are not in the store.

    Records count that were made by the same learner, or the same method from a model of the same learner, on the same kind of
    device with as many threads and in the same precision; their seconds are scaled by the number of examples. Where there
    are none, a few gradient steps on these data are timed after a warm-up and scaled by the number of steps; a method is
    reckoned to take a training step's time for each of its own, and as long as retraining where it has none.

    Args:
        todo: all models, by key.
        store: where some may be; None where there is no store yet.
        setting: where and how they are made.
        workers: models that are made at once.
    """
    missing = {key: task for key, task in todo.items() if store is None or not store.has(key)}
    kinds = {kind: sum(task.job.kind == kind for task in missing.values()) for kind in ("original", "oracle", "unlearned")}
    known, spent, used = PastCosts(store, setting), [], set()
    for task in missing.values():
        seconds, basis = known.seconds(task.scene, task.job)
        spent.append(seconds)
        used.add(basis)
    whole = None if None in spent else over(spent, workers)  # type: ignore[arg-type]
    basis = "nothing" if not missing or whole is None else used.pop() if len(used) == 1 else "both"
    return Price(len(missing), len(todo) - len(missing), whole, workers, basis, kinds)


def price_of(missing: int, models: int, scene: Scene, store: Store | None, setting: Setting, workers: int) -> Price:
    """What it will cost to make those models of an ensemble that are not in the store.

    It is reckoned by the time of one model alone; models that are trained stacked take less.

    Args:
        missing: how many are to be made.
        models: how many it has.
        scene: its learner and data; whatever is asked there to be forgotten.
        store: where records may be.
        setting: where and how the models are made.
        workers: models that are made at once.
    """
    if not missing:
        return Price(0, models, 0.0, workers, "nothing", {"ensemble": 0})
    each, basis = PastCosts(store, replace(setting, precision="float32", compiled=False)).member(scene)
    whole = None if each is None else over([each] * missing, workers)
    return Price(missing, models - missing, whole, workers, basis, {"ensemble": missing})


def together(first: Price, then: Price) -> Price:
    """The price of both, one after the other."""
    known = first.seconds is not None and then.seconds is not None
    seconds = first.seconds + then.seconds if known else None  # type: ignore[operator]
    bases = {p.basis for p in (first, then) if p.train}
    basis = "nothing" if not known or not bases else bases.pop() if len(bases) == 1 else "both"
    train, stored = first.train + then.train, first.stored + then.stored
    kinds = {kind: first.kinds.get(kind, 0) + then.kinds.get(kind, 0) for kind in {**first.kinds, **then.kinds}}
    return Price(train, stored, seconds, then.workers, basis, kinds)


def before(store: Store, setting: Setting, workers: int, say: Callable[[Price, Scene], None]) -> Before:
    """What tells the price of an ensemble before it is trained, on a scene where what is to be forgotten is not known yet."""

    def told(scenario: Scenario, found: Data, missing: int) -> None:
        ensemble = needed_ensemble(scenario.request, found.train)
        scene = unknown(scene_of(scenario, found, stand_in(found.train, scenario.request), setting))
        say(price_of(missing, ensemble.models if ensemble else missing, scene, store, setting, workers), scene)

    return told


def unknown(scene: Scene) -> Scene:
    """The scene as long as it is not known which examples are to be forgotten: no oracle of it is in any store."""
    return replace(scene, prints={**scene.prints, "retain": "not known yet"})


def over(seconds: list[float], workers: int) -> float:
    """How long pieces of work take that are shared out among workers: no less than the longest of them."""
    return max([sum(seconds) / workers, *seconds], default=0.0)


class PastCosts:
    """What is known of how long models take; each kind is looked up, or tried, once."""

    def __init__(self, store: Store | None, setting: Setting):
        self.store, self.setting = store, setting
        self.found: dict[Any, tuple[float | None, str]] = {}
        self.records: list[Entry] | None = None

    def seconds(self, scene: Scene, job: Job) -> tuple[float | None, str]:
        """About how long a job takes, and by what: 'records', 'pilot' or 'nothing'."""
        rows = len(scene.data.train) if job.kind != "oracle" else len(scene.retain)
        kind = (id(scene), job.kind, None if job.method is None else canonical(job.method))
        if kind not in self.found:
            recorded = self._trained(scene, rows) if job.method is None else self._unlearned(scene, job.method)
            self.found[kind] = (recorded, "records") if recorded is not None else self._tried(scene, job.method, rows)
        return self.found[kind]

    def _entries(self) -> list[Entry]:
        """The latest entries of models, as many as are looked through."""
        if self.records is None:
            self.records = []
            rows = [] if self.store is None else self.store.entries()
            models = [row for row in rows if row["kind"] in ("model", "unlearned")][-READ:]
            members = [row for row in rows if row["kind"] == "member"][-MEMBERS:]
            for row in (models + members)[::-1]:
                try:
                    entry = self.store.get(row["key"])  # type: ignore[union-attr]
                except StoreError:
                    continue
                if entry is not None and entry.record.get("cost") and self._alike(entry.record["ingredients"]):
                    self.records.append(entry)
        return self.records

    def _alike(self, made: Mapping[str, Any]) -> bool:
        setting = self.setting
        wanted = {"device": torch.device(setting.device).type, "threads": setting.threads, "precision": setting.precision}
        return all(made.get(name, False) == value for name, value in (*wanted.items(), ("compiled", setting.compiled)))

    def _trained(self, scene: Scene, rows: int, kind: str = "model") -> float | None:
        """Mean seconds of models of this learner, for each example they saw, times those of a new one."""
        wanted = canonical(scene.learner)
        made = [(e.record["cost"], e.record["ingredients"]) for e in self._entries()]
        costs = [c for c, of in made if of.get("learner") == wanted and of["kind"] == kind]
        costs = [c for c in costs if c["forward"] > 0][:ENOUGH]
        epochs = epochs_in(scene)
        if not costs or epochs is None:
            return None
        return float(np.mean([c["seconds"] / c["forward"] for c in costs])) * rows * epochs

    def _unlearned(self, scene: Scene, method: Method) -> float | None:
        """Mean seconds of this method on models of this learner, scaled by the examples these were trained on."""
        wanted, learner, epochs, found = canonical(method), canonical(scene.learner), epochs_in(scene), list[float]()
        for entry in self._entries():
            made = entry.record["ingredients"]
            start = self.store.get(made["model"]) if made.get("method") == wanted and self.store is not None else None
            if start is None or start.record["ingredients"].get("learner") != learner or len(found) == ENOUGH:
                continue
            seen = start.record.get("cost", {}).get("forward", 0) / epochs if epochs else 0
            found.append(entry.record["cost"]["seconds"] * (len(scene.data.train) / seen if seen else 1.0))
        return float(np.mean(found)) if found else None

    def member(self, scene: Scene) -> tuple[float | None, str]:
        """About how long a model of an ensemble takes, which sees half of the training data, and by what."""
        rows = len(scene.data.train) // 2
        found = (self._trained(scene, rows, kind) for kind in ("member", "model"))
        recorded = next((seconds for seconds in found if seconds is not None), None)
        return (recorded, "records") if recorded is not None else self._tried(scene, None, rows)

    def _tried(self, scene: Scene, method: Method | None, rows: int) -> tuple[float | None, str]:
        if (id(scene), "pilot") not in self.found:
            self.found[id(scene), "pilot"] = (pilot(scene, self.setting), "pilot")
        each = self.found[id(scene), "pilot"][0]
        steps = steps_of(scene, rows) if method is None else asked_steps(scene, method)
        return (None, "nothing") if each is None or steps is None else (each * steps, "pilot")


def epochs_in(scene: Scene) -> int | None:
    """Epochs of a scene's learner, where it says."""
    steps = getattr(scene.learner, "steps", None)
    return epochs_of(steps, None) if isinstance(steps, Steps) else None


def steps_of(scene: Scene, rows: int) -> int | None:
    """Gradient steps in which a scene's learner trains on so many examples."""
    epochs = epochs_in(scene)
    return None if epochs is None else epochs * count(rows, scene.learner.steps.batch)  # type: ignore[attr-defined]


def asked_steps(scene: Scene, method: Method) -> float | None:
    """Gradient steps of a method, in steps of the learner: passes over the retain set; retraining's where it has none."""
    inner = method.expand() if isinstance(method, Recipe) else method
    while isinstance(inner, Localized):
        inner = inner.unlearner
    steps, learner = getattr(inner, "steps", None), getattr(scene.learner, "steps", None)
    if not isinstance(steps, Steps) or not isinstance(learner, Steps):
        return steps_of(scene, len(scene.retain))
    return epochs_of(steps, learner) * len(scene.retain) / learner.batch


def pilot(scene: Scene, setting: Setting) -> float | None:
    """Seconds of a gradient step of a scene's learner on its data, asking the model once shared out over its steps.

    None where the learner has no steps, or cannot be tried. The learner seeds itself, so nobody else's draws change.
    """
    learner, train = scene.learner, scene.data.train
    steps = getattr(learner, "steps", None)
    if not isinstance(steps, Steps):
        return None
    brief = replace(learner, steps=replace(steps, epochs=1))  # type: ignore[call-arg]
    before = torch.get_num_threads()
    torch.set_num_threads(setting.threads)
    try:
        with computing(setting.precision):
            brief(take(train, np.arange(min(len(train), WARM * steps.batch))), 0)
            some = take(train, np.arange(min(len(train), TIMED * steps.batch)))
            began = time.perf_counter()
            model = brief(some, 0)
            each = (time.perf_counter() - began) / count(len(some), steps.batch)
            few = take(train, np.arange(min(len(train), ASKED)))
            began = time.perf_counter()
            predict(model, few, scene.task)
            asking = (time.perf_counter() - began) / len(few) * (len(train) + len(scene.data.test))
    except UntrainError:
        return None
    finally:
        torch.set_num_threads(before)
    return each + asking / max(1, steps_of(scene, len(train)) or 1)
