"""The price of work before it starts: the number of models to make, and about how long that takes here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from untrain.core.errors import StoreError
from untrain.core.spec import canonical
from untrain.data.splits import Data
from untrain.experiments.comparison import Todo
from untrain.experiments.draw_request import Before, needed_ensemble, stand_in
from untrain.experiments.keys import Job, Method
from untrain.experiments.pilot import epochs_in, member_strategy, method_steps, pilot, stack_pilot, steps_of
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scene import Scene, scene_of
from untrain.experiments.setting import Setting
from untrain.runtime.store import Entry, Store

READ, MEMBERS = 400, 50  # records to read at most, of models and of members of ensembles
ENOUGH = 5  # records of a kind to average
BASES = {
    "records": "by records of the store", "pilot": "by a pilot of a few steps", "stack": "by a pilot of a small stack of models",
    "pilots": "by pilots of a few steps and of a small stack of models", "both": "by records and a pilot",
}  # fmt: skip


@dataclass(frozen=True)
class Price:
    """The price of some work.

    Args:
        train: number of models to make.
        stored: number of models that are in the store already.
        seconds: estimate of the time to make them here, with all workers; None where nothing is known.
        workers: number of models made at once.
        basis: source of the estimate: 'records' of the store, a 'pilot' of a few steps, one of a small 'stack' of models, both
            'pilots', 'both' records and a pilot, or 'nothing'.
        kinds: number of models to make of each kind: 'original', 'oracle', 'unlearned' and, where a request needs one,
            'ensemble', or where a method imitates retrained models, 'teacher'.
    """

    train: int
    stored: int
    seconds: float | None
    workers: int
    basis: str
    kinds: Mapping[str, int]

    def to_text(self) -> str:
        """Write the price in one line."""
        there = f"{self.stored} {'model is' if self.stored == 1 else 'models are'} in the store"
        if not self.train:
            return f"price: nothing to train, {there}"
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.kinds.items() if n)
        head = f"price: {self.train} {'model' if self.train == 1 else 'models'} to train ({kinds}), {there}"
        if self.seconds is None:
            return f"{head}; the time is unknown: there are no records of this learner, and it has no steps to time"
        hands = "" if self.workers == 1 else f" with {self.workers} workers"
        time = f"about {duration(self.seconds)} of training here{hands} (scoring and start-up not counted)"
        return f"{head}; {time}, {BASES[self.basis]}"

    def document(self) -> dict[str, Any]:
        """Fields for JSON, and the line of text."""
        return asdict(self) | {"kinds": dict(self.kinds), "told": self.to_text()}


def duration(seconds: float) -> str:
    """Write a length of time for people.

    >>> duration(5000)
    '83 min'
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def price(todo: Todo, store: Store | None, setting: Setting, workers: int) -> Price:
    """Estimate the price of all models that are not in the store.

    Records count if the same learner made them, or the same method from a model of the same learner, on the same kind of
    device with as many threads and in the same precision; their seconds are scaled by the number of examples. Where there
    are none, a pilot times a few gradient steps on these data after a warm-up and scales them by the number of steps. A
    step of a method counts as a training step; a method without steps counts as a retraining.

    Args:
        todo: all models, by key.
        store: where some may be; None where there is no store yet.
        setting: where and how they are made.
        workers: number of models made at once.
    """
    missing = {key: task for key, task in todo.items() if store is None or not store.has(key)}
    kinds = {kind: sum(task.job.kind == kind for task in missing.values()) for kind in ("original", "oracle", "unlearned")}
    if teachers := sum(task.job.kind == "teacher" for task in missing.values()):
        kinds["teacher"] = teachers
    costs, spent, used = PastCosts(store, setting), [], set()
    for task in missing.values():
        seconds, basis = costs.seconds(task.scene, task.job)
        spent.append(seconds)
        used.add(basis)
    whole = None if None in spent else spread_over(spent, workers)  # type: ignore[arg-type]
    basis = "nothing" if not missing or whole is None else _basis(used)
    return Price(len(missing), len(todo) - len(missing), whole, workers, basis, kinds)


def price_of(missing: int, models: int, scene: Scene, store: Store | None, setting: Setting, workers: int) -> Price:
    """Estimate the price of those models of an ensemble that are not in the store.

    Where models of the learner are trained stacked, records of stacked ones count alone; without any, a small stack is timed.

    Args:
        missing: number of models to make.
        models: size of the ensemble.
        scene: its learner and data, with any request.
        store: where records may be.
        setting: where and how the models are made.
        workers: number of models made at once.
    """
    if not missing:
        return Price(0, models, 0.0, workers, "nothing", {"ensemble": 0})
    costs = PastCosts(store, replace(setting, precision="float32", compiled=False))
    each, basis = costs.member(scene, missing, workers)
    whole = None if each is None else spread_over([each] * missing, workers)
    return Price(missing, models - missing, whole, workers, basis, {"ensemble": missing})


def add_prices(first: Price, then: Price) -> Price:
    """Add the prices of two pieces of work, one after the other."""
    timed = first.seconds is not None and then.seconds is not None
    seconds = first.seconds + then.seconds if timed else None  # type: ignore[operator]
    bases = {p.basis for p in (first, then) if p.train}
    basis = "nothing" if not timed or not bases else _basis(bases)
    train, stored = first.train + then.train, first.stored + then.stored
    kinds = {kind: first.kinds.get(kind, 0) + then.kinds.get(kind, 0) for kind in {**first.kinds, **then.kinds}}
    return Price(train, stored, seconds, then.workers, basis, kinds)


def _basis(bases: set[str]) -> str:
    """The basis of estimates together."""
    return next(iter(bases)) if len(bases) == 1 else "pilots" if bases <= {"pilot", "stack", "pilots"} else "both"


def announce_ensemble(store: Store, setting: Setting, workers: int, say: Callable[[Price, Scene], None]) -> Before:
    """Make a callback that passes ``say`` the price of an ensemble before it is trained, on a scene without a forget set yet."""

    def announce(scenario: Scenario, data: Data, missing: int) -> None:
        ensemble = needed_ensemble(scenario.request, data.train)
        scene = before_request(scene_of(scenario, data, stand_in(data.train, scenario.request), setting))
        say(price_of(missing, ensemble.models if ensemble else missing, scene, store, setting, workers), scene)

    return announce


def before_request(scene: Scene) -> Scene:
    """The scene before its request is drawn: no oracle of it is in any store."""
    return replace(scene, prints={**scene.prints, "retain": "not known yet"})


def spread_over(seconds: list[float], workers: int) -> float:
    """Time of pieces of work spread over workers: at least that of the longest piece.

    >>> spread_over([2.0, 2.0, 2.0], workers=2)
    3.0
    """
    return max([sum(seconds) / workers, *seconds], default=0.0)


class PastCosts:
    """Estimates of the time that models take; each kind is looked up, or timed, once."""

    def __init__(self, store: Store | None, setting: Setting):
        self.store, self.setting = store, setting
        self.estimates: dict[Any, tuple[float | None, str]] = {}
        self.records: list[Entry] | None = None

    def seconds(self, scene: Scene, job: Job) -> tuple[float | None, str]:
        """Estimate of a job's time, and its source: 'records', 'pilot' or 'nothing'."""
        rows = scene.count_remaining if job.kind in ("oracle", "teacher") else len(scene.data.train)
        kind = (id(scene), job.kind, None if job.method is None else canonical(job.method))
        if kind not in self.estimates:
            recorded = self._trained(scene, rows) if job.method is None else self._unlearned(scene, job.method)
            self.estimates[kind] = (recorded, "records") if recorded is not None else self._by_pilot(scene, job.method, rows)
        return self.estimates[kind]

    def _entries(self) -> list[Entry]:
        """The latest entries of models, up to the number to read."""
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
                if entry is not None and entry.record.get("cost") and self._same_setting(entry.record["ingredients"]):
                    self.records.append(entry)
        return self.records

    def _same_setting(self, ingredients: Mapping[str, Any]) -> bool:
        setting = self.setting
        expected = {"device": torch.device(setting.device).type, "threads": setting.threads, "precision": setting.precision}
        return all(ingredients.get(name, False) == value for name, value in (*expected.items(), ("compiled", setting.compiled)))

    def _trained(self, scene: Scene, rows: int, kind: str = "model", training: str = "alone") -> float | None:
        """Mean seconds of models of this learner per example that were trained in such a way, times the examples of a new one."""
        learner = canonical(scene.learner)
        records = [(e.record["cost"], e.record["ingredients"]) for e in self._entries()]
        costs = [c for c, of in records if of.get("learner") == learner and of["kind"] == kind and _training(of) == training]
        costs = [c for c in costs if c["forward"] > 0][:ENOUGH]
        epochs = epochs_in(scene)
        if not costs or epochs is None:
            return None
        return float(np.mean([c["seconds"] / c["forward"] for c in costs])) * rows * epochs

    def _unlearned(self, scene: Scene, method: Method) -> float | None:
        """Mean seconds of this method on models of this learner, scaled by the examples these were trained on."""
        spelling, learner, epochs, seconds = canonical(method), canonical(scene.learner), epochs_in(scene), list[float]()
        for entry in self._entries():
            ingredients = entry.record["ingredients"]
            start = (
                self.store.get(ingredients["model"]) if ingredients.get("method") == spelling and self.store is not None else None
            )
            if start is None or start.record["ingredients"].get("learner") != learner or len(seconds) == ENOUGH:
                continue
            examples_seen = start.record.get("cost", {}).get("forward", 0) / epochs if epochs else 0
            seconds.append(entry.record["cost"]["seconds"] * (len(scene.data.train) / examples_seen if examples_seen else 1.0))
        return float(np.mean(seconds)) if seconds else None

    def member(self, scene: Scene, models: int, workers: int) -> tuple[float | None, str]:
        """Estimate of the time of each model of an ensemble, which sees half of the training data, and its source."""
        rows, strategy = len(scene.data.train) // 2, member_strategy(scene, self.setting)
        kinds = ("member", "model") if strategy.kind == "alone" else ("member",)
        estimates = (self._trained(scene, rows, kind, strategy.kind) for kind in kinds)
        recorded = next((seconds for seconds in estimates if seconds is not None), None)
        if recorded is not None:
            return recorded, "records"
        if strategy.kind == "alone":
            return self._by_pilot(scene, None, rows)
        each = stack_pilot(scene, self.setting, strategy, models, workers)
        return each, "nothing" if each is None else "stack"

    def _by_pilot(self, scene: Scene, method: Method | None, rows: int) -> tuple[float | None, str]:
        if (id(scene), "pilot") not in self.estimates:
            self.estimates[id(scene), "pilot"] = (pilot(scene, self.setting), "pilot")
        each = self.estimates[id(scene), "pilot"][0]
        steps = steps_of(scene, rows) if method is None else method_steps(scene, method)
        return (None, "nothing") if each is None or steps is None else (each * steps, "pilot")


def _training(ingredients: Mapping[str, Any]) -> str:
    """The way in which the model of a record was trained: 'alone', or as one of several, as a strategy names it."""
    return str(ingredients.get("training", "alone")).partition(" ")[0]
