"""Makes the models of comparisons in the order in which they need each other, and records what was compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from typing import Any

from untrain.core.access import access
from untrain.experiments.comparison import Comparison, Todo, oracles_of, todo_of
from untrain.experiments.dispatch import Dispatcher
from untrain.experiments.events import model_events
from untrain.experiments.keys import Job, model_key, starts_of
from untrain.experiments.observations import observe_models
from untrain.experiments.run_record import ModelCounts, save_run
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.runtime.executors.base import Pool
from untrain.runtime.progress import OnProgress, ProgressTracker, emit, logger_of
from untrain.runtime.store import Entry, Store
from untrain.runtime.store_transfer import mark


def make(
    comparisons: Sequence[Comparison],
    scenes: Sequence[Scene],
    store: Store,
    setting: Setting,
    pool: Pool,
    on_progress: OnProgress | None = None,
    expected: float | None = None,
) -> None:
    """Make every model of some comparisons, each on its scene, that is not in the store; the last arguments as in ``make_models``.

    Raises:
        RunFailed: workers died again and again.
    """
    make_models(todo_of(comparisons, scenes, setting), store, setting, pool, on_progress, expected)


def make_models(
    todo: Todo, store: Store, setting: Setting, pool: Pool, on_progress: OnProgress | None = None, expected: float | None = None
) -> None:
    """Make those of some models that are not in the store.

    Args:
        todo: all models, by key.
        store: where they go.
        setting: where and how they are made.
        pool: that makes them.
        on_progress: called with progress.
        expected: estimate of the seconds that this takes, shown until the pace is known; None where there is none.

    Raises:
        RunFailed: workers died again and again.
    """
    missing = {key: task for key, task in todo.items() if not store.has(key)}
    for key, task in todo.items():
        if key not in missing:
            _emit_model(store, key, task.job.label, on_progress)
    if missing:
        starting = f"{pool.size} workers start" if pool.remote else ""
        tracker = ProgressTracker(on_progress, len(todo), len(todo) - len(missing), starting, expected=expected)
        pool.on_retry = tracker.note
        try:
            _make(missing, store, setting, pool, tracker)
        except BaseException:
            pool.close()
            raise


def _make(missing: Todo, store: Store, setting: Setting, pool: Pool, tracker: ProgressTracker) -> None:
    """Train first; a method begins as soon as its original, and its teachers, are there.

    No more is submitted than the pool can do at once, so that what others wait for is always begun first.
    """
    keys = list(missing)
    lacking: list[set[str]] = []
    waiting: dict[str, list[int]] = {}
    for place, (_, task) in enumerate(missing.items()):
        starts = {model_key(task.scene, job, task.seed, setting) for job in starts_of(task.job)}
        lacking.append(starts & missing.keys())
        for start in lacking[place]:
            waiting.setdefault(start, []).append(place)
    ready = [place for place, starts in enumerate(lacking) if not starts]
    with mark(store) as address:
        jobs = Dispatcher(pool, store, address, setting)
        while ready or len(jobs):
            while ready and len(jobs) < pool.size:
                jobs.submit(missing[keys[heappop(ready)]])
            task = jobs.wait()
            tracker.finished(task.job.label)
            _emit_model(store, task.key, task.job.label, tracker.on_progress)
            for place in waiting.pop(task.key, []):
                lacking[place].remove(task.key)
                if not lacking[place]:
                    heappush(ready, place)


def _emit_model(store: Store, key: str, label: str, on_progress: OnProgress | None) -> None:
    """Hand a model that is in the store to logs, as its record says it: so it is the same whoever made it, and where."""
    entry = store.get(key) if logger_of(on_progress) else None
    for event in () if entry is None else model_events(label, entry.record):
        emit(on_progress, event)


def record(
    comparison: Comparison, scene: Scene, store: Store, setting: Setting, on_progress: OnProgress | None = None,
    more: Mapping[str, Any] | None = None,
) -> Entry:  # fmt: skip
    """The entry of a comparison whose models are made; its observers observe them first.

    ``more`` are further facts that a report shows.
    """

    def keys_of(job: Job) -> list[str]:
        jobs = (Job(job.kind, i, job.method) for i in range(comparison.seeds))
        return [model_key(scene, job, comparison.seed, setting) for job in jobs]

    keys = {
        "original": keys_of(Job("original", 0)),
        "oracle": oracles_of(comparison, scene, setting),
        "methods": [
            {"method": repr(m), "sees": access(m.needed()), "keys": keys_of(Job("unlearned", 0, m))} for m in comparison.methods
        ],
    }
    observed = observe_models(scene, comparison.observers, keys, comparison.seed, store, setting, on_progress)
    sizes = ModelCounts(comparison.seeds, comparison.oracles, comparison.seed)
    return save_run(scene, keys, sizes, store, setting, {**observed, **(more or {})})
