"""Signals that ask a process to stop, answered as Ctrl-C is: what is under way is cleaned up, one line, and a code."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from untrain.core.interrupts import StopAsked

ASKED = (signal.SIGTERM, signal.SIGHUP)


@dataclass
class Stop:
    """The signal that asked this process to stop: SIGINT unless another came."""

    signal: int = signal.SIGINT

    @property
    def code(self) -> int:
        """The exit code by which shells know it."""
        return 128 + self.signal


@contextmanager
def stops() -> Iterator[Stop]:
    """Within, SIGTERM and SIGHUP raise KeyboardInterrupt, once; those that somebody ignores or handles already stay so.

    ``nohup`` has SIGHUP ignored, for instance.
    """
    stop, before = Stop(), dict[signal.Signals, Any]()

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.signal in ASKED:  # a second one would interrupt the cleaning up
            return
        stop.signal = number
        raise StopAsked

    with suppress(ValueError):  # in a thread other than the main one
        for each in ASKED:
            if signal.getsignal(each) == signal.SIG_DFL:
                before[each] = signal.signal(each, ask)
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
