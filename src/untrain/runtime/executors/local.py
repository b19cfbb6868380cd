"""This process as an executor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import torch

from untrain.core.errors import BadInput
from untrain.runtime.executors._retry import silent


class Serial:
    """This process, one task after the other, in the order in which they were submitted.

    Args:
        threads: of torch, while a task is done.
    """

    size = 1
    apart = False

    def __init__(self, threads: int = 1):
        self.threads = threads
        self.on_progress: Callable[[str], None] = silent
        self._waiting: deque[tuple[str, Callable[..., Any], tuple[Any, ...]]] = deque()

    def submit(self, name: str, work: Callable[..., Any], *args: Any) -> None:
        """Put it in the queue."""
        self._waiting.append((name, work, args))

    def finished(self) -> tuple[str, Any]:
        """Do the next task."""
        if not self._waiting:
            raise BadInput("no task is under way")
        name, work, args = self._waiting.popleft()
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            return name, work(*args)
        finally:
            torch.set_num_threads(before)

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
