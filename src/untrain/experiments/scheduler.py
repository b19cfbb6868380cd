"""One comparison from start to end, in the order in which it happens: train, forget, retrain, observe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

from untrain.core.errors import RunFailed
from untrain.experiments.comparison import Comparison, Todo, model_key, oracles_of, stands, todo_of
from untrain.experiments.draw_request import chooser
from untrain.experiments.jobs import Job, do
from untrain.experiments.observations import watch
from untrain.experiments.remote_job import JobResult, in_worker
from untrain.experiments.run_record import ModelCounts, lay
from untrain.experiments.scene import Scene, open_scene
from untrain.experiments.setting import Setting
from untrain.runtime.executors.base import Executor
from untrain.runtime.executors.local import Serial
from untrain.runtime.progress import OnProgress, Progress, ProgressTracker
from untrain.runtime.store import Entry, Store
from untrain.runtime.store_transfer import Address, addressed, pack, unpack


def conduct(
    comparisons: Sequence[Comparison],
    store: Store,
    setting: Setting,
    crew: Executor | None = None,
    on_progress: OnProgress | None = None,
) -> list[Entry]:
    """Make every model that is not in the store, then record each comparison there.

    Args:
        comparisons: what to compare; they share models where they can.
        store: where models, answers and records go.
        setting: device and threads of each job.
        crew: who does the work; None for this process.
        on_progress: told after each job, and of each that is tried again.

    Returns:
        One entry of kind 'run' for each comparison.

    Raises:
        BadInput: a scenario or a request cannot be met; nothing was trained.
        RunFailed: workers died again and again.
    """
    crew = crew or Serial(setting.threads)
    # Where others do the work the data are needed here for their digests alone.
    choose = chooser(store, setting, crew, on_progress)
    scenes = [open_scene(c.scenario, replace(setting, device="cpu") if crew.apart else setting, choose) for c in comparisons]
    make(comparisons, scenes, store, setting, crew, on_progress)
    return [record(c, s, store, setting, on_progress) for c, s in zip(comparisons, scenes, strict=True)]


def make(
    comparisons: Sequence[Comparison],
    scenes: Sequence[Scene],
    store: Store,
    setting: Setting,
    crew: Executor,
    on_progress: OnProgress | None = None,
) -> None:
    """Make every model of some comparisons, each on its scene, that is not in the store.

    Raises:
        RunFailed: workers died again and again.
    """
    todo = todo_of(comparisons, scenes, setting)
    missing = {key: what for key, what in todo.items() if not stands(store, key)}
    if missing:
        tracker = ProgressTracker(on_progress, len(todo), len(todo) - len(missing))
        try:
            _work(missing, store, setting, crew, tracker)
        except BaseException:
            crew.close()
            raise


def _label(job: Job) -> str:
    return f"{job.method!r} {job.index}" if job.method is not None else f"{job.kind} {job.index}"


def _work(missing: Todo, store: Store, setting: Setting, crew: Executor, tracker: ProgressTracker) -> None:
    """Train first; a method begins as soon as its original is there.

    No more is submitted than the crew can do at once, so that what others wait for is always begun first.
    """
    crew.on_progress = tracker.note
    place = {key: at for at, key in enumerate(missing)}
    starts = {
        key: model_key(scene, Job("original", job.index), comparison, setting)
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
            if isinstance(answer, JobResult) and answer.wants:
                packed = True  # a worker does not see the store: from now on models to start from are sent along
                heappush(ready, place[key])
                continue
            if isinstance(answer, JobResult) and answer.parcel is not None:
                unpack(answer.parcel, key, store)
            tracker.finished(_label(missing[key][2]))
            for later in waiting.pop(key, []):
                heappush(ready, place[later])


def _submit(
    crew: Executor, name: str, key: str, what: tuple[Comparison, Scene, Job], setting: Setting, store: Store, address: Address,
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
    comparison: Comparison, scene: Scene, store: Store, setting: Setting, on_progress: OnProgress | None = None,
    more: Mapping[str, Any] | None = None,
) -> Entry:  # fmt: skip
    """The entry of a comparison whose models are made; its observers look at them first.

    ``more`` are further facts that a report shows.
    """
    seeds = range(comparison.seeds)
    keys = {
        "original": [model_key(scene, Job("original", i), comparison, setting) for i in seeds],
        "oracle": oracles_of(comparison, scene, setting),
        "methods": [
            {"method": repr(m), "keys": [model_key(scene, Job("unlearned", i, m), comparison, setting) for i in seeds]}
            for m in comparison.methods
        ],
    }

    def told(done: int, total: int, label: str, gone: float) -> None:
        if on_progress is not None:
            on_progress(Progress(done, total, label, gone, None))

    seen = watch(scene, comparison.observers, keys, comparison.seed, store, setting, told)
    sizes = ModelCounts(comparison.seeds, comparison.oracles, comparison.seed)
    return lay(scene, keys, sizes, store, setting, {**seen, **(more or {})})
