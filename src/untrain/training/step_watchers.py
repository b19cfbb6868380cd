"""Watchers of the one gradient loop, step by step: curves that are kept, and logs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import torch
from torch import Tensor, nn

from untrain.core.events import Event, Log
from untrain.core.metering import off_the_clock


class StepWatcher(Protocol):
    """Watches a gradient loop."""

    def after_step(self, model: nn.Module, loss: Tensor) -> None:
        """Take note of a step, by the model after it and the loss that it had; both are lent."""


_watchers: ContextVar[tuple[StepWatcher, ...]] = ContextVar("step watchers", default=())


def step_watchers() -> tuple[StepWatcher, ...]:
    """Return who watches now."""
    return _watchers.get()


@contextmanager
def watching_steps(*watchers: StepWatcher | None) -> Iterator[None]:
    """Let these watch all steps within, besides those who watch already; None is nobody.

    >>> with watching_steps(StepLog(print), None):
    ...     len(step_watchers())
    1
    """
    token = _watchers.set((*_watchers.get(), *(each for each in watchers if each is not None)))
    try:
        yield
    finally:
        _watchers.reset(token)


class StepLog:
    """Logs the mean loss of every few steps; between them the device is not waited for, and the log's seconds count nowhere.

    >>> watcher = StepLog(lambda event: print(event.step, event.numbers), "Fade()", every=2)
    >>> for value in (1.0, 3.0, 5.0):
    ...     watcher.after_step(nn.Linear(1, 1), torch.tensor(value))
    2 {'loss': 2.0}
    >>> watcher.finish()
    3 {'loss': 5.0}

    Args:
        log: takes the events.
        name: of the method in them.
        every: number of steps between two events.
    """

    def __init__(self, log: Log, name: str = "", every: int = 10):
        self.log, self.name, self.every = log, name, every
        self._step, self._counted, self._total = 0, 0, torch.zeros(())

    def after_step(self, model: nn.Module, loss: Tensor) -> None:
        """Add up a loss, and log the mean when it is time."""
        self._step, self._counted = self._step + 1, self._counted + 1
        self._total = self._total.to(loss.device) + loss.detach()
        if self._counted == self.every:
            self.finish()

    def finish(self) -> None:
        """Log the mean over the steps since the last event, if any."""
        if not self._counted:
            return
        with off_the_clock():
            mean = float(self._total) / self._counted
            self._counted, self._total = 0, torch.zeros(())
            self.log(Event("step", self.name, self._step, {"loss": mean} if math.isfinite(mean) else {}))
