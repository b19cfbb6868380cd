"""Progress of work under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from untrain.core.events import Event, Log


@dataclass(frozen=True)
class Progress:
    """Progress of a run: jobs done and in all, what was done last, seconds gone and seconds left as far as is known.

    ``note`` reports something else than that a job was done, such as that one is tried again. ``what`` is counted, where it is not
    what the command makes. ``expected`` is how many seconds all was estimated to take before any was done.
    """

    done: int
    total: int
    label: str
    elapsed: float
    left: float | None
    note: str | None = None
    what: str | None = None
    expected: float | None = None


OnProgress = Callable[[Progress], None]


def say(on_progress: OnProgress | None, note: str) -> None:
    """Report something else than that a job was done; nothing where the note is empty."""
    if on_progress is not None and note:
        on_progress(Progress(0, 0, "", 0.0, None, note))


def show_stage(on_progress: OnProgress | None, text: str) -> None:
    """Show what begins now, such as reading data, to who shows stages by a method of this name; the next line may replace it.

    An empty text ends a stage after which nothing begins, as when a server waits.
    """
    show = getattr(on_progress, "show_stage", None)
    if show is not None:
        show(text)


def show_start(on_progress: OnProgress | None, at: Progress) -> None:
    """Show work of which nothing is done yet, to who shows stages."""
    show = getattr(on_progress, "show_start", None)
    if show is not None:
        show(at)


_asking = threading.Event()


@contextmanager
def asking() -> Iterator[None]:
    """Within, a person types: what is shown of work under way stands still, and leaves the line to them."""
    _asking.set()
    try:
        yield
    finally:
        _asking.clear()


def is_asking() -> bool:
    """Return whether a person is typing."""
    return _asking.is_set()


def emit(on_progress: OnProgress | None, event: Event) -> None:
    """Hand an event to who takes events by a method ``on_event``, as logs do."""
    log = logger_of(on_progress)
    if log is not None:
        log(event)


def logger_of(on_progress: OnProgress | None) -> Log | None:
    """Return what takes events, such as logs; None where nothing does."""
    take: Log | None = getattr(on_progress, "on_event", None)
    return take


class ProgressTracker:
    """Counts what is done and guesses what is left from the pace since the first, which includes the cost of starting up.

    Args:
        on_progress: called with progress; None for nobody.
        total: how much there is in all.
        done: how much of it was done before.
        label: what is reported until something is finished.
        what: what is counted; None for what the command makes.
        expected: estimate of the seconds that all takes; None where there is none.
    """

    def __init__(
        self, on_progress: OnProgress | None, total: int, done: int = 0, label: str = "", what: str | None = None,
        expected: float | None = None,
    ):  # fmt: skip
        self.what, self.expected = what, expected
        self.on_progress, self.total, self.done, self.at, self.label = on_progress, total, done, done, label
        self.started = self.first = time.perf_counter()
        self.paced = done  # done when the first was: from there on the pace is taken
        if done < total:
            show_start(on_progress, Progress(done, total, label, 0.0, None, None, what, expected))

    def finished(self, label: str, count: int = 1) -> None:
        """One more is done, or several at once."""
        now, self.label = time.perf_counter(), label
        if self.at == self.done:
            self.first, self.paced = now, self.at + count
        self.at += count
        self._say(now)

    def note(self, text: str) -> None:
        """Something happened that the reader of progress should know."""
        self._say(time.perf_counter(), text)

    def _say(self, now: float, note: str | None = None) -> None:
        left = None
        if self.at == self.total or self.at > self.done + 3:
            left = (now - self.first) / max(1, self.at - self.paced) * (self.total - self.at)
        if self.on_progress is not None:
            self.on_progress(Progress(self.at, self.total, self.label, now - self.started, left, note, self.what, self.expected))
