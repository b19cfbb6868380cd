"""Ctrl-C: where it ends the process at once, and how it differs from a ``KeyboardInterrupt`` that some code raises by itself."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOPPED = "stopped; finished work is stored, and the same command continues from there"


class StopAsked(KeyboardInterrupt):
    """A signal of others asked this process to stop, as Ctrl-C does."""


def stop() -> None:
    """Say in one line that the command was stopped, and end the process with exit code 130."""
    line = b"\r\x1b[2K" if os.isatty(2) else b""  # of progress
    os.write(2, line + f"untrain: {STOPPED}\n".encode())
    os._exit(130)


def stop_in_imports() -> None:
    """Let an interrupt end the process at once while a module is imported: some libraries turn an error there into an abort."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop_or_raise)


def _stop_or_raise(number: int, frame: FrameType | None) -> None:
    at = frame
    while at is not None:
        if at.f_code.co_filename.startswith("<frozen importlib"):
            stop()
        at = at.f_back
    signal.default_int_handler(number, frame)


class _Noting:
    """A handler that notes that it was called, and does what the one before it does."""

    def __init__(self, before: Callable[[int, FrameType | None], Any]):
        self.before = before
        self.called = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.called = True
        self.before(number, frame)


@contextmanager
def noting_interrupts() -> Iterator[None]:
    """Note within that an interrupt came from outside."""
    before = signal.getsignal(signal.SIGINT)
    if isinstance(before, _Noting) or not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _Noting(before))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def is_from_outside(error: KeyboardInterrupt) -> bool:
    """Return whether one that was just raised may be a user's: always where nobody noted."""
    if isinstance(error, StopAsked):
        return True
    handler = signal.getsignal(signal.SIGINT)
    return handler.called if isinstance(handler, _Noting) else callable(handler)
