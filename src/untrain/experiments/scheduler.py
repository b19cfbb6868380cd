"""One comparison from start to end, in the order in which it happens: train, forget, retrain, observe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Any

import torch

from untrain.core.errors import BadInput, RunFailed
from untrain.core.roles import Scenario
from untrain.core.spec import canonical, sendable
from untrain.evaluation.observers.base import Observer
from untrain.experiments.draw_request import chooser
from untrain.experiments.jobs import Job, Method, Scene, Setting, do, ingredients, open_scene
from untrain.experiments.observations import watch
from untrain.experiments.remote_job import Delivery, in_worker
from untrain.experiments.run_record import Sizes, lay
from untrain.runtime.executors.processes import Crew, Here, cores
from untrain.runtime.progress import Progress, Tell, Teller
from untrain.runtime.store import Entry, Store, key_of
from untrain.runtime.store_transfer import Address, addressed, pack, unpack


@dataclass(frozen=True)
class Comparison:
    """Methods to compare on a scenario.

    Args:
        scenario: data, learner and request.
        methods: unlearners and recipes.
        seeds: number of original models, each unlearned by each method.
        oracles: number of models retrained without the forget set.
        seed: from which all seeds are derived.
        observers: what looks at the models once they are made.
    """

    scenario: Scenario
    methods: tuple[Method, ...]
    seeds: int = 3
    oracles: int = 6
    seed: int = 0
    observers: tuple[Observer, ...] = ()


def jobs_of(comparison: Comparison) -> list[Job]:
    """All models of a comparison, in the order in which they are best begun."""
    originals = [Job("original", i) for i in range(comparison.seeds)]
    oracles = [Job("oracle", i) for i in range(comparison.oracles)]
    return originals + [Job("unlearned", i, m) for m in comparison.methods for i in range(comparison.seeds)] + oracles


def conduct(
    comparisons: Sequence[Comparison], store: Store, setting: Setting, crew: Crew | None = None, tell: Tell | None = None
) -> list[Entry]:
    """Make every model that is not in the store, then record each comparison there.

    Args:
        comparisons: what to compare; they share models where they can.
        store: where models, answers and records go.
        setting: device and threads of each job.
        crew: who does the work; None for this process.
        tell: told after each job, and of each that is tried again.

    Returns:
        One entry of kind 'run' for each comparison.

    Raises:
        BadInput: a scenario or a request cannot be met; nothing was trained.
        RunFailed: workers died again and again.
    """
    crew = crew or Here(setting.threads)
    # Where others do the work the data are needed here for their digests alone.
    choose = chooser(store, setting, crew, tell)
    scenes = [open_scene(c.scenario, replace(setting, device="cpu") if crew.apart else setting, choose) for c in comparisons]
    make(comparisons, scenes, store, setting, crew, tell)
    return [record(c, s, store, setting, tell) for c, s in zip(comparisons, scenes, strict=True)]


def make(
    comparisons: Sequence[Comparison], scenes: Sequence[Scene], store: Store, setting: Setting, crew: Crew, tell: Tell | None = None
) -> None:
    """Make every model of some comparisons, each on its scene, that is not in the store.

    Raises:
        RunFailed: workers died again and again.
    """
    todo = todo_of(comparisons, scenes, setting)
    missing = {key: what for key, what in todo.items() if not stands(store, key)}
    if missing:
        teller = Teller(tell, len(todo), len(todo) - len(missing))
        try:
            _work(missing, store, setting, crew, teller)
        except BaseException:
            crew.close()
            raise


def todo_of(comparisons: Sequence[Comparison], scenes: Sequence[Scene], setting: Setting) -> Todo:
    """All models of some comparisons by their keys; those that several share stand once."""
    todo: Todo = {}
    for comparison, scene in zip(comparisons, scenes, strict=True):
        for job in jobs_of(comparison):
            todo.setdefault(_key(scene, job, comparison, setting), (comparison, scene, job))
    return todo


def _key(scene: Scene, job: Job, comparison: Comparison, setting: Setting) -> str:
    return key_of(ingredients(scene, job, comparison.seed, setting))


def stands(store: Store, key: str) -> bool:
    """Whether a model is there; a failure that may be the machine's does not count."""
    held = store.get(key)
    return held is not None and held.final


Todo = dict[str, tuple[Comparison, Scene, Job]]


def _label(job: Job) -> str:
    return f"{job.method!r} {job.index}" if job.method is not None else f"{job.kind} {job.index}"


def _work(missing: Todo, store: Store, setting: Setting, crew: Crew, teller: Teller) -> None:
    """Train first; a method begins as soon as its original is there.

    No more is submitted than the crew can do at once, so that what others wait for is always begun first.
    """
    crew.tell = teller.note
    place = {key: at for at, key in enumerate(missing)}
    starts = {
        key: _key(scene, Job("original", job.index), comparison, setting)
        for key, (comparison, scene, job) in missing.items()
        if job.method is not None
    }
    waiting: dict[str, list[str]] = {}
    for key, start in starts.items():
        if start in missing:
            waiting.setdefault(start, []).append(key)
    ready = [at for key, at in place.items() if starts.get(key) not in missing]
    keys, running, packed = list(missing), dict[str, str](), False
    with addressed(store) as address:
        while ready or running:
            while ready and len(running) < crew.size:
                key = keys[heappop(ready)]
                name = f"{_label(missing[key][2])} ({key[:12]})"
                running[name] = key
                parcel = pack(_held(store, starts[key])) if packed and key in starts else None
                _submit(crew, name, key, missing[key], setting, store, address, parcel)
            name, answer = crew.finished()
            key = running.pop(name)
            if isinstance(answer, Delivery) and answer.wants:
                packed = True  # a worker does not see the store: from now on models to start from are sent along
                heappush(ready, place[key])
                continue
            if isinstance(answer, Delivery) and answer.parcel is not None:
                unpack(answer.parcel, key, store)
            teller.finished(_label(missing[key][2]))
            for later in waiting.pop(key, []):
                heappush(ready, place[later])


def _submit(
    crew: Crew, name: str, key: str, what: tuple[Comparison, Scene, Job], setting: Setting, store: Store, address: Address,
    parcel: bytes | None,
) -> None:  # fmt: skip
    comparison, scene, job = what
    if crew.apart:
        given = (key, comparison.scenario, scene.asked, job, comparison.seed, setting, address, parcel)
        crew.submit(name, in_worker, *given)
    else:
        crew.submit(name, do, scene, job, comparison.seed, setting, store)


def _held(store: Store, key: str) -> Entry:
    entry = store.get(key)
    if entry is None:
        raise RunFailed(f"entry {key[:12]} went away while it was needed: run the same again")
    return entry


def record(
    comparison: Comparison, scene: Scene, store: Store, setting: Setting, tell: Tell | None = None,
    more: Mapping[str, Any] | None = None,
) -> Entry:  # fmt: skip
    """The entry of a comparison whose models are made; its observers look at them first.

    ``more`` are further facts that a report shows.
    """
    seeds = range(comparison.seeds)
    keys = {
        "original": [_key(scene, Job("original", i), comparison, setting) for i in seeds],
        "oracle": oracles_of(comparison, scene, setting),
        "methods": [
            {"method": repr(m), "keys": [_key(scene, Job("unlearned", i, m), comparison, setting) for i in seeds]}
            for m in comparison.methods
        ],
    }

    def told(done: int, total: int, label: str, gone: float) -> None:
        if tell is not None:
            tell(Progress(done, total, label, gone, None))

    seen = watch(scene, comparison.observers, keys, comparison.seed, store, setting, told)
    sizes = Sizes(comparison.seeds, comparison.oracles, comparison.seed)
    return lay(scene, keys, sizes, store, setting, {**seen, **(more or {})})


def oracles_of(comparison: Comparison, scene: Scene, setting: Setting) -> list[str]:
    """Keys of the oracles of a comparison."""
    return [_key(scene, Job("oracle", i), comparison, setting) for i in range(comparison.oracles)]


def check(comparison: Comparison) -> None:
    """Refuse a comparison that could not be scored.

    Raises:
        BadInput: no methods, the same one twice, or too few models.
    """
    if not comparison.methods:
        raise BadInput("no method was named: give at least one, such as DEL or Finetune")
    if len(set(map(canonical, comparison.methods))) < len(comparison.methods):
        raise BadInput(f"a method is named twice: {[repr(m) for m in comparison.methods]}")
    if comparison.seeds < 1 or comparison.oracles < 2:
        raise BadInput(
            f"seeds={comparison.seeds}, oracles={comparison.oracles}: at least 1 seed and 2 oracles (for a floor) are needed"
        )


def portable(comparisons: Sequence[Comparison]) -> bool:
    """Whether another process can make the same scenarios and methods."""
    return sendable(*(part for comparison in comparisons for part in (comparison.scenario, *comparison.methods)))


def workers_for(comparisons: Sequence[Comparison], device: str, threads: int) -> int:
    """As many processes as fit the cores; one where work shares a GPU, or where a scenario cannot be sent to another process."""
    if torch.device(device).type != "cpu" or not portable(comparisons):
        return 1
    return max(1, cores() // threads)
