"""Work that is tried again when the worker that did it died, and what came of it, fit to be sent between processes."""

from __future__ import annotations

import pickle
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from untrain.core.errors import RunFailed

LIMIT = 3
KEPT = "what is finished is stored: run the same again"


def silent(note: str) -> None:
    """Tell nobody."""


@dataclass
class Attempts:
    """Counts how often the workers of each task died.

    Args:
        on_progress: told in one line of each task that is tried again.
    """

    on_progress: Callable[[str], None] = silent
    _died: Counter[str] = field(default_factory=Counter)

    def died(self, name: str, how: str) -> None:
        """A task's worker died; return when it may be tried again.

        Raises:
            RunFailed: it died for the third time.
        """
        self._died[name] += 1
        if self._died[name] >= LIMIT:
            raise RunFailed(f"task {name!r}: its worker died {LIMIT} times ({how}); {KEPT}")
        self.on_progress(f"the worker of {name} died ({how}): tried again, {self._died[name] + 1} of {LIMIT}")


@dataclass(frozen=True)
class Answer:
    """What came of a piece of work: its result, or the error that it raised."""

    result: Any = None
    error: BaseException | None = None

    def value(self) -> Any:
        """The result; the work's own error is raised."""
        if self.error is not None:
            raise self.error
        return self.result


def attempt(work: Callable[..., Any], *args: Any) -> Answer:
    """Do work where its errors cannot be raised to who asked for it; they carry their traceback as a note."""
    try:
        return Answer(work(*args))
    except Exception as error:
        return _failed(error)


def attempt_packed(task: bytes) -> bytes:
    """Do work that was pickled with its arguments; the pickled answer."""
    try:
        work, args = pickle.loads(task)
        return pickle.dumps(attempt(work, *args))
    except Exception as error:  # what it is made of is not there, or its result cannot be sent
        return pickle.dumps(_failed(error))


def attempt_away(task: bytes, threads: int, path: list[str]) -> bytes:
    """Do packed work on another machine or in a job of its own, where modules are found as they are here."""
    sys.path += [folder for folder in path if folder not in sys.path]
    torch.set_num_threads(threads)
    return attempt_packed(task)


def _failed(error: Exception) -> Answer:
    error.add_note(traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))  # an error that cannot be sent would be lost with its message
    except Exception:
        return Answer(error=RunFailed(" ".join(f"{type(error).__name__}: {error}".split())))
    return Answer(error=error)
