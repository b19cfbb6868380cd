"""untrain in a forked process, as from a terminal: its own folder, home, temporary folder, output and exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attack import HANG, TRACEBACK, Outcome

from untrain.core.errors import UntrainError

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code (negative for a signal, None when it hung), what it printed, and what the work gave."""

    code: int | None
    out: str
    err: str
    value: Any = None

    @property
    def failure(self) -> Outcome | None:
        """A hang, a crash, a traceback, an error without a line, or control characters; None where it ended well."""
        last = (self.err.strip().splitlines() or ["nothing on stderr"])[-1]
        if self.code is None:
            return Outcome(HANG, "no end in time", "no end in time")
        if "Traceback (most recent call last)" in self.err + self.out:
            where = re.findall(r"/untrain/(\S+\.py)\", line (\d+)", self.err)
            site = f"{':'.join(where[-1])} {last.partition(':')[0]}" if where else last[:80]
            return Outcome(TRACEBACK, ascii(last)[:240], site)
        if self.code < 0:
            name = signal.Signals(-self.code).name
            return Outcome(TRACEBACK, f"ended by {name}; {ascii(last)[:160]}", f"ended by {name}")
        if self.code and not self.err.strip() and not self.out.strip():
            return Outcome(TRACEBACK, f"exit code {self.code} without a word", "no word")
        if UNPRINTABLE.search(self.err + self.out):
            return Outcome(TRACEBACK, f"control characters on the terminal: {ascii(last)[:160]}", "control characters")
        return None


class Child:
    """A process that was begun."""

    def __init__(self, work: Callable[[], Any], folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.files = [folder / f".{name}-{time.monotonic_ns()}" for name in ("out", "err", "value")]
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                self._settle(folder)
                code = self._run(work)
            finally:
                os._exit(code)

    def _settle(self, folder: Path) -> None:
        for at, file in zip((1, 2), self.files, strict=False):
            os.dup2(os.open(file, os.O_CREAT | os.O_WRONLY), at)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = (open(at, "w", closefd=False) for at in (1, 2))  # noqa: SIM115
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name, at in (("HOME", "home"), ("TMPDIR", "temporary"), ("UNTRAIN_HOME", "home/store")):
            (folder / at.partition("/")[0]).mkdir(exist_ok=True)
            os.environ[name] = str(folder / at)
        tempfile.tempdir = None
        os.chdir(folder)

    def _run(self, work: Callable[[], Any]) -> int:
        try:
            value = work()
            self.files[2].write_text(json.dumps(value))
            return 0
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except UntrainError as error:
            print(f"untrain: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("untrain: stopped", file=sys.stderr)
            return 130
        except BaseException:
            traceback.print_exc()
            return 70
        finally:
            sys.stdout.flush()
            sys.stderr.flush()

    def signal(self, number: int) -> None:
        """Send a signal, if it is still there."""
        if self._ended() is None:
            os.kill(self.pid, number)

    def _ended(self) -> int | None:
        if not hasattr(self, "status"):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == 0:
                return None
            self.status = status
        return self.status

    def wait(self, seconds: float) -> bool:
        """Whether it ends in time."""
        until, pause = time.monotonic() + seconds, 0.001
        while self._ended() is None:
            if time.monotonic() > until:
                return False
            time.sleep(pause)
            pause = min(2 * pause, 0.02)
        return True

    def end(self, seconds: float = 60.0) -> Ended:
        """Wait for its end; one that hangs is killed."""
        hung = not self.wait(seconds)
        if hung:
            os.kill(self.pid, signal.SIGKILL)
            self.wait(10)
        out, err = (f.read_text(errors="replace") if f.exists() else "" for f in self.files[:2])
        value = json.loads(self.files[2].read_text()) if self.files[2].exists() else None
        for file in self.files:
            file.unlink(missing_ok=True)
        return Ended(None if hung else os.waitstatus_to_exitcode(self.status), out, err, value)


def apart(work: Callable[[], Any], folder: Path, seconds: float = 60.0) -> Ended:
    """Do work in a process of its own."""
    return Child(work, folder).end(seconds)


def command(arguments: Sequence[str]) -> Callable[[], None]:
    """The work of a command line."""

    def work() -> None:
        from untrain.commands.cli.app import main

        sys.argv = ["untrain", *arguments]
        main()

    return work
