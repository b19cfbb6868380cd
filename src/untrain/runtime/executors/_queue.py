"""A pool whose tasks wait in a queue, packed, until there is room for them."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any

from untrain.runtime.executors._retry import packed
from untrain.runtime.executors.base import Future, Pool

Packed = tuple[Future, bytes]


class QueuedPool(Pool):
    """Tasks begin in the order in which they came; one that is done again goes first.

    Args:
        threads: of torch, in each task.
    """

    def __init__(self, threads: int = 1):
        super().__init__(threads)
        self._waiting: deque[Packed] = deque()

    @abstractmethod
    def _begin(self) -> None:
        """Begin as many of the waiting tasks as there is room for."""

    def _start(self, future: Future, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._waiting.append((future, packed(work, args)))
        self._begin()
