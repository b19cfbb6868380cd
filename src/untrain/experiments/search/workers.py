"""Processes that share a search; one that dies is replaced, and none outlives its parent."""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from untrain.core.errors import RunFailed, UntrainError
from untrain.experiments.search.study import Search, SearchSpec, left, opened, turns
from untrain.experiments.setting import Setting
from untrain.runtime.executors.processes import begin, watch_parent
from untrain.runtime.store import Store

if TYPE_CHECKING:
    from untrain.experiments.search.optuna import TrialRecord

MORE = 3  # workers that may die beyond one a place


def crew(at: Search, workers: int, told: Callable[[TrialRecord | None], None]) -> None:
    """Keep as many workers as there are trials to begin, at most ``workers``, until all trials are made.

    Raises:
        RunFailed: worker after worker died.
        UntrainError: what a worker raised.
    """
    context = get_context("spawn")
    running: dict[int, tuple[Any, Connection]] = {}
    died = 0
    try:
        while True:
            with at.store.alone(at.key):
                rest = left(at)
            # Those that run take what is left; no more are begun than can have work.
            for _ in range(min(workers, len(running) + max(0, rest)) - len(running)):
                ours, theirs = context.Pipe(duplex=False)
                given = (theirs, os.getpid(), at.hunt, at.key, at.ground.setting, str(at.store.path))
                process = context.Process(target=work, args=given, daemon=True)
                begin(process)
                theirs.close()
                running[process.sentinel] = (process, ours)
            if not running:
                return
            ended = connection.wait(list(running), timeout=1.0)
            for sentinel in [each for each in running if each in ended]:
                process, ours = running.pop(sentinel)
                process.join()
                died += _ended(process, ours)
            told(None)
            if died > workers + MORE:
                raise RunFailed(
                    f"{died} worker processes died (killed, or out of memory); what is finished is stored: run the same command "
                    "again (in a script with workers, guard the call by: if __name__ == '__main__')"
                )
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.join()


def _ended(process: Any, ours: Connection) -> bool:
    """Whether a worker died; what it raised is raised here."""
    with ours:
        try:
            error = ours.recv() if ours.poll() else None
        except (EOFError, OSError):  # it died before it could say anything, or while it did
            error = None
    if error is not None:
        raise error
    return bool(process.exitcode != 0)


def work(says: Connection, parent: int, hunt: SearchSpec, key: str, setting: Setting, store: str) -> None:
    """A worker: trials until there are enough."""
    watch_parent(parent)
    try:
        at = opened(hunt, setting, Store(store))
        if at.key != key:
            raise RunFailed("code or data changed while the search was under way: run the same command again")
        turns(at)
    except UntrainError as error:
        says.send(error)
    except Exception as error:
        says.send(RunFailed(f"a worker failed: {type(error).__name__}: {' '.join(str(error).split())}"))
