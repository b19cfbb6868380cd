"""The role of an executor: who does the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch


class Executor(Protocol):
    """Who does named tasks; more than ``size`` may be submitted, and wait.

    Args:
        apart: whether tasks are done in other processes, so that they and their arguments must be importable there.
        on_progress: told in one line of each task that is tried again.
    """

    apart: bool
    on_progress: Callable[[str], None]

    @property
    def size(self) -> int:
        """Number of tasks that can go on at once."""

    def submit(self, name: str, work: Callable[..., Any], *args: Any) -> None:
        """Have ``work(*args)`` done; names of tasks under way are all different."""

    def finished(self) -> tuple[str, Any]:
        """Wait for the next task to finish.

        Returns:
            Its name and its result.

        Raises:
            RunFailed: its worker died again and again, or the crew is lost.
            Exception: what the work raised.
        """

    def close(self) -> None:
        """End what is under way; no process stays behind."""


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads of torch within, and afterwards as many as before: what a model answers depends on them."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(crew: Executor, work: Callable[..., Any], calls: Mapping[str, tuple[Any, ...]]) -> Iterator[tuple[str, Any]]:
    """Do ``work(*args)`` for each named call, and give names and results as they are finished."""
    try:
        for name, args in calls.items():
            crew.submit(name, work, *args)
        for _ in calls:
            yield crew.finished()
    except BaseException:
        crew.close()  # what still waits is not the next caller's
        raise
