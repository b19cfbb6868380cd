"""The role of an executor, which says who works, and what it opens: a pool that takes tasks and gives back futures."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from untrain.core.errors import MissingExtra
from untrain.core.spec import Spec
from untrain.runtime.executors._retry import TaskOutcome, silent


@dataclass(frozen=True)
class Resources:
    """Resources of each task of a pool, and the number of tasks that may run at once.

    Args:
        threads: of torch and of numpy's linear algebra, in each task.
        gpus: of each task.
        workers: tasks at once at most, where the executor does not say; None for as many as fit.
        folder: where tasks may leave files, seen by all machines; None for the current folder.
    """

    threads: int = 1
    gpus: int = 0
    workers: int | None = None
    folder: Path | None = None


class Executor(Spec, role=True):
    """An executor of work: a spec, which remembers nothing; the pool that it opens does.

    ::

        with Processes(workers=4).open() as pool:
            for i in range(8):
                pool.submit(work, i)
            for future in pool.as_completed():
                future.result()
    """

    elsewhere: ClassVar[bool] = False  # tasks may run on other machines
    remote: ClassVar[bool] = True  # tasks run in other processes, so that they and their arguments must be importable there
    library: ClassVar[str] = ""  # that it needs
    extra: ClassVar[str] = ""  # of untrain, which brings the library

    @abstractmethod
    def open(self, resources: Resources = Resources()) -> Pool:
        """A pool of this executor; processes and jobs begin when they are first needed, and end when it is closed."""

    def count_workers(self, fitting: int) -> int:
        """Number of tasks at once, as far as it is known before the pool is opened.

        Args:
            fitting: where the spec says nothing.
        """
        return getattr(self, "workers", None) or fitting

    def check_installed(self) -> None:
        """Refuse an executor whose library is not there.

        Raises:
            MissingExtra: it is not installed.
        """
        if self.library and not find_spec(self.library):
            raise MissingExtra(f"{self!r} needs {self.library}: pip install 'untrain[{self.extra}]'")


class Future:
    """A task that was submitted.

    Args:
        name: by which messages name it.
        pool: that does it.
    """

    def __init__(self, name: str, pool: Pool):
        self.name = name
        self.deaths = 0
        self._pool = pool
        self._outcome: TaskOutcome | None = None

    def done(self) -> bool:
        """Return whether it is finished, whatever came of it."""
        return self._outcome is not None

    def result(self) -> Any:
        """The result; waits for it where the task is not finished.

        Raises:
            RunFailed: its worker died again and again, or the pool is lost.
            Exception: what the work raised.
        """
        while self._outcome is None:
            self._pool.advance()
        return self._outcome.value()

    def settle(self, outcome: TaskOutcome) -> None:
        """Keep what came of it; for pools alone."""
        self._outcome = outcome


class Pool(ABC):
    """Tasks under way; more than ``size`` may be submitted, and wait. Nothing runs between two calls of one that is serial.

    Args:
        threads: of torch and of numpy's linear algebra, in each task.
    """

    elsewhere: ClassVar[bool] = False
    remote: ClassVar[bool] = True

    def __init__(self, threads: int = 1):
        self.threads = threads
        self.on_retry: Callable[[str], None] = silent  # called with one line for each task that is tried again
        self._pending: dict[Future, None] = {}
        self._settled: deque[Future] = deque()

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of tasks that can go on at once."""

    @abstractmethod
    def _start(self, future: Future, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Begin a task, or put it in the queue."""

    @abstractmethod
    def _wait(self) -> Future:
        """Wait until one of the tasks under way is finished, and settle it."""

    @abstractmethod
    def _stop(self) -> None:
        """End what is under way; no process stays behind."""

    def submit(self, work: Callable[..., Any], *args: Any, name: str = "") -> Future:
        """Have ``work(*args)`` done; ``name`` is for messages."""
        future = Future(name or getattr(work, "__name__", repr(work)), self)
        self._start(future, work, args)
        self._pending[future] = None
        return future

    def as_completed(self) -> Iterator[Future]:
        """Futures as they are finished, until no task is under way; more may be submitted meanwhile.

        Raises:
            RunFailed: the pool is lost.
        """
        while self._settled or self._pending:
            if not self._settled:
                self.advance()
            yield self._settled.popleft()

    def run_all(self, work: Callable[..., Any], calls: Mapping[str, tuple[Any, ...]]) -> Iterator[tuple[str, Any]]:
        """Do ``work(*args)`` for each named call; yield names and results as they are finished.

        Where a task fails, or the caller stops, the others are ended: they are not the next caller's.
        """
        try:
            for name, args in calls.items():
                self.submit(work, *args, name=name)
            for future in self.as_completed():
                yield future.name, future.result()
        except BaseException:
            self.close()
            raise

    def advance(self) -> None:
        """Wait until one more task is finished."""
        future = self._wait()
        del self._pending[future]
        self._settled.append(future)

    def close(self) -> None:
        """End what is under way; no process stays behind. Another task begins anew."""
        self._pending.clear()
        self._settled.clear()
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
