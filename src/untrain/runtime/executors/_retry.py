"""Tasks that are tried again when the worker that did them died, and what came of them, fit to be sent between processes."""

from __future__ import annotations

import pickle
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from untrain.core import discovery
from untrain.core.errors import RunFailed, WorkerDied
from untrain.core.foreign import was_spoiled
from untrain.runtime.threads import set_threads

LIMIT = 3
KEPT = "what is finished is stored: run the same again"


def silent(note: str) -> None:
    """Ignore a note."""


@dataclass(frozen=True)
class TaskOutcome:
    """The end of a task: its result, or the error that it raised; and whether foreign code had to be put right after it."""

    result: Any = None
    error: BaseException | None = None
    spoiled: bool = False

    def value(self) -> Any:
        """The result; the work's own error is raised."""
        if self.error is not None:
            raise self.error
        return self.result


class Mortal(Protocol):
    """A task, as the policy of retries sees it."""

    name: str
    deaths: int

    def settle(self, outcome: TaskOutcome) -> None:
        """Keep what came of it."""


def count_death(task: Mortal, how: str, on_retry: Callable[[str], None]) -> bool:
    """Count that a task's worker died; the third time the task has failed.

    Args:
        task: whose worker died.
        how: it died.
        on_retry: called with one line where the task is tried again.

    Returns:
        Whether it is tried again; else it is settled.
    """
    task.deaths += 1
    if task.deaths >= LIMIT:
        text = f"task {task.name!r}: its worker died {LIMIT} times ({how}); {KEPT}"
        task.settle(TaskOutcome(error=WorkerDied(text)))
        return False
    on_retry(f"the worker of {task.name} died ({how}): tried again, {task.deaths + 1} of {LIMIT}")
    return True


def attempt(work: Callable[..., Any], *args: Any) -> TaskOutcome:
    """Do work where its errors cannot be raised to the caller; they carry their traceback as a note."""
    was_spoiled()
    try:
        return TaskOutcome(work(*args), spoiled=was_spoiled())
    except Exception as error:
        return replace(_failed(error), spoiled=was_spoiled())


def packed(work: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    """Work with its arguments, as ``attempt_packed`` does it, and the modules of the working folder that it may need."""
    return pickle.dumps((discovery.plugins(), pickle.dumps((work, args))))


def attempt_packed(task: bytes) -> bytes:
    """Do work that ``packed`` gave; the pickled outcome."""
    try:
        plugins, task = pickle.loads(task)
        discovery.import_plugins(plugins)
        work, args = pickle.loads(task)
        return pickle.dumps(attempt(work, *args))
    except Exception as error:  # what it is made of is not there, or its result cannot be sent
        return pickle.dumps(_failed(error))


def attempt_away(task: bytes, threads: int, path: list[str]) -> bytes:
    """Do packed work on another machine or in a job of its own, where modules are found as they are here."""
    sys.path += [folder for folder in path if folder not in sys.path]
    set_threads(threads)
    return attempt_packed(task)


def _failed(error: Exception) -> TaskOutcome:
    error.add_note(traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))  # an error that cannot be sent would be lost with its message
    except Exception:
        return TaskOutcome(error=RunFailed(" ".join(f"{type(error).__name__}: {error}".split())))
    return TaskOutcome(error=error)
