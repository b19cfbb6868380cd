"""One comparison from start to end, in the order in which it happens: train, forget, retrain, observe."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch

from untrain.core.errors import BadInput, RunFailed
from untrain.core.records import take
from untrain.core.roles import Scenario
from untrain.core.spec import canonical, parse
from untrain.data.duplicates import near_duplicates
from untrain.jobs import Job, Method, Scene, Setting, do, in_worker, ingredients, open_scene
from untrain.store import Entry, Store, key_of


@dataclass(frozen=True)
class Comparison:
    """Methods to compare on a scenario.

    Args:
        scenario: data, learner and request.
        methods: unlearners and recipes.
        seeds: number of original models, each unlearned by each method.
        oracles: number of models retrained without the forget set.
        seed: from which all seeds are derived.
    """

    scenario: Scenario
    methods: tuple[Method, ...]
    seeds: int = 3
    oracles: int = 6
    seed: int = 0


@dataclass(frozen=True)
class Progress:
    """How far a run is: jobs done and in all, what was done last, seconds gone and seconds left as far as is known."""

    done: int
    total: int
    label: str
    elapsed: float
    left: float | None


Tell = Callable[[Progress], None]


def jobs_of(comparison: Comparison) -> list[Job]:
    """All models of a comparison, in the order in which they are best begun."""
    originals = [Job("original", i) for i in range(comparison.seeds)]
    oracles = [Job("oracle", i) for i in range(comparison.oracles)]
    return originals + [Job("unlearned", i, m) for m in comparison.methods for i in range(comparison.seeds)] + oracles


def conduct(
    comparisons: Sequence[Comparison], store: Store, setting: Setting, workers: int = 1, tell: Tell | None = None
) -> list[Entry]:
    """Make every model that is not in the store, then record each comparison there.

    Args:
        comparisons: what to compare; they share models where they can.
        store: where models, answers and records go.
        setting: device and threads of each job.
        workers: processes; with 1 all is done in this one.
        tell: told after each job.

    Returns:
        One entry of kind 'run' for each comparison.

    Raises:
        BadInput: a scenario or a request cannot be met; nothing was trained.
        RunFailed: a worker died.
    """
    scenes = [open_scene(c.scenario, setting) for c in comparisons]
    todo: dict[str, tuple[Comparison, Scene, Job]] = {}
    for comparison, scene in zip(comparisons, scenes, strict=True):
        for job in jobs_of(comparison):
            todo.setdefault(_key(scene, job, comparison, setting), (comparison, scene, job))
    missing = {key: what for key, what in todo.items() if (held := store.get(key)) is None or not held.final}
    if missing:
        work = _serially if workers == 1 else _in_processes
        work(missing, store, setting, workers, _teller(tell, len(todo), len(todo) - len(missing)))
    return [_record(c, s, store, setting) for c, s in zip(comparisons, scenes, strict=True)]


def _key(scene: Scene, job: Job, comparison: Comparison, setting: Setting) -> str:
    return key_of(ingredients(scene, job, comparison.seed, setting))


def _teller(tell: Tell | None, total: int, done: int) -> Callable[[Job], None]:
    """Counts jobs and guesses what is left from the pace since the first, which bears the cost of starting up."""
    started = time.perf_counter()
    first, at = started, done

    def told(job: Job) -> None:
        nonlocal first, at
        now, at = time.perf_counter(), at + 1
        if at == done + 1:
            first = now
        left = (now - first) / (at - done - 1) * (total - at) if at > done + 3 else 0.0 if at == total else None
        label = f"{job.method!r} {job.index}" if job.method is not None else f"{job.kind} {job.index}"
        if tell is not None:
            tell(Progress(at, total, label, now - started, left))

    return told


Missing = dict[str, tuple[Comparison, Scene, Job]]


def _serially(missing: Missing, store: Store, setting: Setting, workers: int, told: Callable[[Job], None]) -> None:
    with _threads(setting.threads):
        for comparison, scene, job in missing.values():
            do(scene, job, comparison.seed, setting, store)
            told(job)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _in_processes(missing: Missing, store: Store, setting: Setting, workers: int, told: Callable[[Job], None]) -> None:
    """Train first; a method begins as soon as its original is there."""
    running: dict[Future[str], tuple[str, Job]] = {}
    waiting: dict[str, list[str]] = {}
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_watch_parent, initargs=(os.getpid(),))

    def submit(key: str) -> None:
        comparison, _, job = missing[key]
        running[pool.submit(in_worker, key, comparison.scenario, job, comparison.seed, setting, store.path)] = (key, job)

    try:
        for key, (comparison, scene, job) in missing.items():
            start = _key(scene, Job("original", job.index), comparison, setting)
            if job.method is not None and start in missing:
                waiting.setdefault(start, []).append(key)
            else:
                submit(key)
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                key, job = running.pop(future)
                future.result()
                told(job)
                for next_key in waiting.pop(key, []):
                    submit(next_key)
    except BrokenProcessPool:
        raise RunFailed(
            "a worker process died (killed, or out of memory); what is finished is stored: run the same command again "
            "(in a script with workers, guard the call by: if __name__ == '__main__')"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _watch_parent(parent: int) -> None:
    """End this worker when the process that began it is gone, or both are interrupted: a stopped run leaves nothing behind."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _record(comparison: Comparison, scene: Scene, store: Store, setting: Setting) -> Entry:
    """The entry of a comparison: which models it is made of, and all that a report needs beside their answers."""
    seeds, oracles = range(comparison.seeds), range(comparison.oracles)
    keys = {
        "original": [_key(scene, Job("original", i), comparison, setting) for i in seeds],
        "oracle": [_key(scene, Job("oracle", i), comparison, setting) for i in oracles],
        "methods": [
            {"method": repr(m), "keys": [_key(scene, Job("unlearned", i, m), comparison, setting) for i in seeds]}
            for m in comparison.methods
        ],
    }
    made = {
        "kind": "run",
        "label": repr(comparison.scenario),
        "scenario": canonical(comparison.scenario),
        "models": keys,
        "true": scene.prints["true"],
    }
    done = store.get(key_of(made))
    if done is not None:
        return done
    train, test = scene.data.train, scene.data.test
    rows = np.asarray(scene.asked.rows)
    side = np.full(len(train) + len(test), "retain", dtype="<U6")
    side[rows], side[len(train) :] = "forget", "test"
    true = [e.y if e.true is None else e.true for e in (train, test)]
    arrays = {
        "labels": np.concatenate([train.y.cpu().numpy(), test.y.cpu().numpy()]),
        "true": np.concatenate([t.cpu().numpy() for t in true]),
        "side": side,
        "ids": np.concatenate([np.asarray(train.ids).astype(str), np.asarray(test.ids).astype(str)]),
        "forget_inputs": train.x[torch.as_tensor(rows).to(train.x.device)].cpu().numpy(),
    }
    near = near_duplicates(take(train, rows), take(train, scene.retain))
    sizes = {"train": len(train), "forget": len(rows), "retain": len(scene.retain), "test": len(test)}
    record: dict[str, Any] = {
        "scenario": repr(comparison.scenario), "seeds": comparison.seeds, "oracles": comparison.oracles, "seed": comparison.seed,
        "classes": train.classes, "sizes": sizes,
        "digest": scene.asked.digest, "duplicates": near.counts, "setting": _setting(setting),
    }  # fmt: skip
    return store.put(made, record, arrays)


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


def _setting(setting: Setting) -> dict[str, Any]:
    """Where the models were made, in words."""
    machine = f"{platform.machine()} {platform.system()}"
    versions = {"untrain": version("untrain"), "torch": torch.__version__, "python": platform.python_version()}
    how = {"precision": setting.precision, "compiled": setting.compiled, "budget": setting.budget}
    return {"device": setting.device, "threads": setting.threads, **how, "machine": machine, **versions}


def workers_for(comparisons: Sequence[Comparison], device: str, threads: int) -> int:
    """As many processes as fit the cores; one where work shares a GPU, or where a scenario cannot be sent to another process."""
    if torch.device(device).type != "cpu":
        return 1
    try:
        for comparison in comparisons:
            if any("__main__." in repr(part) or parse(repr(part)) != part for part in (comparison.scenario, *comparison.methods)):
                return 1
    except BadInput:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // threads)
