"""A log of gradient steps around methods that Python code calls itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from untrain.core.errors import BadInput
from untrain.core.events import Event
from untrain.runtime.loggers.base import logging_to
from untrain.runtime.progress import emit, logger_of
from untrain.training.step_watchers import StepLog, watching_steps


@contextmanager
def log_steps(log: Any, name: str = "unlearning", every: int = 10) -> Iterator[None]:
    """Log the mean loss of every few gradient steps within, of methods and of learners alike.

    >>> from untrain.training.toy import small
    >>> from untrain.unlearners.finetune import Finetune
    >>> model, problem = small()
    >>> with log_steps(lambda event: print(event.kind, event.step, list(event.numbers))):
    ...     forgot = Finetune()(model, problem)
    begun None []
    step 1 ['loss']
    ended None []

    Args:
        log: a logger such as TensorBoard(), its spelling, a function of an ``Event``, or several of these.
        name: of the work, in the events.
        every: number of steps between two events.

    Raises:
        BadInput: ``every`` is not a positive whole number, or ``log`` is not a logger.
        MissingExtra: the library of a logger is not installed.
    """
    if not isinstance(every, int) or every < 1:
        raise BadInput(f"every={every!r}: a positive whole number of steps is needed, such as 10")
    with logging_to(log) as watched:
        emit(watched, Event("begun", name))
        take = logger_of(watched)
        watcher = None if take is None else StepLog(take, name, every)
        with watching_steps(watcher):
            yield
        if watcher is not None:
            watcher.finish()
        emit(watched, Event("ended", name))
