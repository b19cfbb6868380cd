"""The role of a logger, which says where events go, and what it opens."""

from __future__ import annotations

import random
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from importlib.util import find_spec
from typing import Any, ClassVar, final

from untrain.core.discovery import of_role
from untrain.core.errors import BadInput, MissingExtra, SpecError, suggest
from untrain.core.events import Event, Log
from untrain.core.spec import Spec, parse
from untrain.runtime.progress import OnProgress, Progress, say, show_stage, show_start


class OpenLog(ABC):
    """A log that was begun and takes events until it is closed."""

    @abstractmethod
    def write(self, event: Event) -> None:
        """Write one event."""

    @abstractmethod
    def close(self, failed: bool) -> None:
        """Write what is left; ``failed`` says that the work did not end well."""


class Logger(Spec, role=True):
    """A place for events: a spec, which remembers nothing; the log that it opens does."""

    closed: ClassVar[tuple[str, ...]] = ("__init__", "check_installed")
    library: ClassVar[str] = ""  # that it needs

    @abstractmethod
    def open(self, name: str) -> OpenLog:
        """A log of the work of this name, begun when its first event comes."""

    @final
    def check_installed(self) -> None:
        """Refuse a logger whose library is not there.

        Raises:
            MissingExtra: it is not installed.
        """
        # A library that was imported already needs no place on the disk.
        if self.library and self.library not in sys.modules and not find_spec(self.library):
            raise MissingExtra(f"{self!r} needs {self.library}, which is not installed: pip install {self.library}")


def loggers_of(given: Any) -> tuple[Logger | Log, ...]:
    """Loggers, spelled or made, or functions that take an event; one or several, None for none; equal loggers are one.

    Raises:
        SpecError: one is neither.
        MissingExtra: the library of one is not installed.
    """
    several = [] if given is None else [given] if isinstance(given, str | Logger) or callable(given) else [*given]
    made = [parse(one) if isinstance(one, str) else one for one in several]
    for one in made:
        if isinstance(one, Logger):
            one.check_installed()
        elif isinstance(one, Spec | type) or not callable(one):
            known = [place.name for place in of_role("logger")]
            raise SpecError(
                f"{one!r} is not a logger{suggest(repr(one), known)}; there is {', '.join(known)}, or a function of an event"
            )
    # Two equal ones would write each line of a file twice.
    return tuple(one for at, one in enumerate(made) if not (isinstance(one, Logger) and one in made[:at]))


class LoggedProgress:
    """Passes progress on and writes events to logs, which begin with their first event.

    A log that fails is left alone from then on, and that is said once: no tracker ends hours of work. What a function of the user
    raises goes through.
    """

    def __init__(self, on_progress: OnProgress | None, loggers: Sequence[Logger | Log]):
        self.on_progress = on_progress
        self._waiting = list(loggers)
        self._open: list[tuple[str, OpenLog]] = []
        self._functions: list[Log] = []

    def __call__(self, at: Progress) -> None:
        """Pass progress on."""
        if self.on_progress is not None:
            self.on_progress(at)

    def show_stage(self, text: str) -> None:
        """Pass a stage on."""
        show_stage(self.on_progress, text)

    def show_start(self, at: Progress) -> None:
        """Pass on work of which nothing is done yet."""
        show_start(self.on_progress, at)

    def on_event(self, event: Event) -> None:
        """Write an event."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if isinstance(one, Logger):
                self._try(repr(one), lambda one=one: self._open.append((repr(one), one.open(event.name))))  # type: ignore[misc]
            else:
                self._functions.append(one)
        for function in self._functions:
            function(event)
        for name, log in [*self._open]:
            self._try(name, lambda log=log: log.write(event), log)  # type: ignore[misc]

    def close(self, failed: bool) -> None:
        """Close all logs."""
        for name, log in [*self._open]:
            self._try(name, lambda log=log: log.close(failed))  # type: ignore[misc]
        self._open.clear()

    def _try(self, name: str, work: Callable[[], object], log: OpenLog | None = None) -> None:
        """Do the work of a library in the midst of a method, whose random draws and context variables stay its own."""
        state = random.getstate()
        try:
            copy_context().run(work)
        except BadInput:  # such as a path that cannot be written, before work began
            raise
        except Exception as error:
            self._open = [each for each in self._open if each[1] is not log]
            say(self.on_progress, f"{name} failed and takes no more events: {' '.join(f'{type(error).__name__}: {error}'.split())}")
        finally:
            random.setstate(state)


@contextmanager
def logging_to(log: Any, on_progress: OnProgress | None = None) -> Iterator[OnProgress | None]:
    """Yield progress that writes events to logs too; they are closed at the end.

    >>> from untrain.runtime.progress import emit
    >>> with logging_to(lambda event: print(event.kind, event.name)) as on_progress:
    ...     emit(on_progress, Event("begun", "Digits()"))
    begun Digits()

    Args:
        log: as ``loggers_of`` takes them.
        on_progress: gets all progress as it would without them.
    """
    loggers = loggers_of(log)
    if not loggers:
        yield on_progress
        return
    logged = LoggedProgress(on_progress, loggers)
    try:
        yield logged
    except BaseException:
        logged.close(failed=True)
        raise
    logged.close(failed=False)


def scalars(event: Event) -> dict[str, float]:
    """The numbers of an event by the tags that trackers sort them by.

    >>> scalars(Event("step", "NegGrad(alpha=0.9) 0", 10, {"loss": 0.5}))
    {'NegGrad(alpha=0.9) 0/loss': 0.5}
    """
    return {f"{event.name}/{name}" if event.name else name: value for name, value in event.numbers.items()}


def scalars_with_step(event: Event) -> dict[str, float]:
    """The numbers of an event and its step as one of them, for trackers that count one axis for all: a step belongs to one loop.

    >>> scalars_with_step(Event("step", "DEL() 0", 10, {"loss": 0.5}))
    {'DEL() 0/loss': 0.5, 'DEL() 0/step': 10}
    """
    numbers = scalars(event)
    return numbers | {f"{event.name}/step": event.step} if numbers and event.step is not None else numbers


def plain_tags(numbers: Mapping[str, float]) -> dict[str, float]:
    """The same with nothing in the tags but letters, digits, dots, dashes, underscores, blanks and slashes, as MLflow wants them.

    >>> plain_tags({"NegGrad(alpha=0.9) 0/loss": 0.5})
    {'NegGrad_alpha_0.9_ 0/loss': 0.5}
    """
    return {re.sub(r"[^\w.\- /]", "_", name, flags=re.ASCII): value for name, value in numbers.items()}
