"""This process as an executor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from untrain.core.errors import BadInput
from untrain.runtime.executors._retry import TaskOutcome
from untrain.runtime.executors.base import Executor, Future, Pool, Resources
from untrain.runtime.threads import threads


class Serial(Executor):
    """This process: one task after the other, in the order of submission.

    Source: none; what the others have to equal bit for bit.
    """

    remote: ClassVar[bool] = False

    def open(self, resources: Resources = Resources()) -> Pool:
        """A queue of tasks."""
        return SerialPool(resources.threads)

    def count_workers(self, fitting: int) -> int:
        """One."""
        return 1


class SerialPool(Pool):
    """Tasks of this process; each is done when its result is waited for, on so many threads of torch."""

    remote: ClassVar[bool] = False

    def __init__(self, threads: int = 1):
        super().__init__(threads)
        self._waiting: deque[tuple[Future, Callable[..., Any], tuple[Any, ...]]] = deque()

    @property
    def size(self) -> int:
        """One."""
        return 1

    def _start(self, future: Future, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._waiting.append((future, work, args))

    def _wait(self) -> Future:
        if not self._waiting:
            raise BadInput("no task is under way")
        future, work, args = self._waiting.popleft()
        with threads(self.threads):
            try:
                future.settle(TaskOutcome(work(*args)))
            except Exception as error:
                future.settle(TaskOutcome(error=error))
        return future

    def _stop(self) -> None:
        self._waiting.clear()
