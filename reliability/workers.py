"""Tries in forked processes, with limits on time and memory: one that hangs or dies costs one try."""

from __future__ import annotations

import json
import mmap
import os
import resource
import select
import shutil
import signal
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attack import HANG, HELD, TRACEBACK, VERDICTS, Attack, Escaped, Outcome, one_line, site

CLOCK = struct.Struct("qddq")  # the try at work, when it began, what the process had computed until then, how many are done
PATIENCE = 4  # times the time of a kind, by the clock: on a full machine others take the processor


@dataclass
class Tally:
    """What all tries of an attack came to; failures with the number that repeats them."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VERDICTS, 0))
    failures: list[tuple[int, Outcome]] = field(default_factory=list)
    seconds: float = 0.0
    skipped: str = ""

    @property
    def tries(self) -> int:
        """How many there were."""
        return sum(self.counts.values())

    def add(self, number: int, outcome: Outcome) -> None:
        """Count a failure."""
        self.counts[outcome.verdict] += 1
        self.failures.append((number, outcome))


@dataclass
class _Worker:
    """A forked process at its share of the numbers."""

    numbers: Sequence[int]
    clock: mmap.mmap
    pid: int = 0
    pipe: int = -1
    rest: bytes = b""

    def at(self) -> tuple[int, int]:
        """The place in its numbers, and how many have held."""
        place, _, _, held = CLOCK.unpack(self.clock[: CLOCK.size])
        return int(place), int(held)

    def late(self, seconds: float) -> bool:
        """Whether its try has computed for longer, or is at it for ``PATIENCE`` times as long."""
        _, began, computed, _ = CLOCK.unpack(self.clock[: CLOCK.size])
        if not began:
            return False
        with suppress(OSError):  # it has just ended
            if time.clock_gettime((~self.pid << 3) | 2) - computed > seconds:  # the clock of a process: its processor time
                return True
        return bool(time.monotonic() - began > PATIENCE * seconds)


def run(attack: Attack, folder: Path, numbers: Sequence[int], processes: int) -> Tally:
    """Make the tries of some numbers."""
    tally, start = Tally(), time.monotonic()
    count = 1 if attack.alone else min(processes, len(numbers))
    working = [_begin(attack, folder, numbers[at::count]) for at in range(count)]
    while working:
        ready, _, _ = select.select([w.pipe for w in working], [], [], 0.05)
        for worker in list(working):
            ended = worker.pipe in ready and not _read(worker, tally)
            late = not ended and worker.late(attack.seconds)
            if not ended and not late:
                continue
            working.remove(worker)
            status = _stop(worker)
            place, held = worker.at()
            tally.counts[HELD] += held
            if place >= len(worker.numbers):
                continue
            # The process is gone before its numbers were: this try took it along.
            why = f"no answer in {attack.seconds:.0f} s" if late else _death(status)
            tally.add(worker.numbers[place], Outcome(HANG if late else TRACEBACK, why, why))
            if place + 1 < len(worker.numbers):
                working.append(_begin(attack, folder, worker.numbers[place + 1 :]))
    tally.seconds = time.monotonic() - start
    tally.failures.sort(key=lambda each: each[0])
    return tally


def _death(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"the process died of {signal.Signals(os.WTERMSIG(status)).name}"
    return f"the process ended with code {os.waitstatus_to_exitcode(status)}"


def _stop(worker: _Worker) -> int:
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    os.close(worker.pipe)
    return os.waitpid(worker.pid, 0)[1]


def _read(worker: _Worker, tally: Tally) -> bool:
    """Take in what a worker wrote; whether it is still there."""
    data = os.read(worker.pipe, 1 << 16)
    *lines, worker.rest = (worker.rest + data).split(b"\n")
    for line in lines:
        number, *outcome = json.loads(line)
        tally.add(number, Outcome(*outcome))
    return bool(data)


def _begin(attack: Attack, folder: Path, numbers: Sequence[int]) -> _Worker:
    worker = _Worker(numbers, mmap.mmap(-1, CLOCK.size))
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    worker.pid = os.fork()
    if worker.pid == 0:
        code = 1
        try:
            os.close(reading)
            os.setsid()
            _work(attack, folder, worker, writing)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    worker.pipe = reading
    return worker


def _work(attack: Attack, folder: Path, worker: _Worker, pipe: int) -> None:
    limit_memory(attack.memory)
    own = folder / f"worker-{os.getpid()}"
    held = 0
    for place, number in enumerate(worker.numbers):
        worker.clock[: CLOCK.size] = CLOCK.pack(place, time.monotonic(), time.process_time(), held)
        own.mkdir(exist_ok=True)
        outcome = tried(attack, own, number)
        held += outcome is None
        if outcome is not None:
            # A surrogate or a control character of a fuzzed input must not spoil the pipe.
            os.write(pipe, (json.dumps([number, outcome.verdict, outcome.detail, outcome.site]) + "\n").encode())
        if attack.small:
            shutil.rmtree(own, ignore_errors=True)
    worker.clock[: CLOCK.size] = CLOCK.pack(len(worker.numbers), 0.0, 0.0, held)
    shutil.rmtree(own, ignore_errors=True)


def tried(attack: Attack, folder: Path, number: int) -> Outcome | None:
    """One try; what the suite itself does wrong counts as a failure too."""
    try:
        return attack.attempt(folder, number)
    except Escaped as error:
        return error.outcome
    except Exception as error:
        return Outcome(TRACEBACK, f"in the suite: {one_line(error)}", f"suite, {site(error)}")


def limit_memory(more: int) -> None:
    """Let this process take so many bytes beyond what it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def groups(tally: Tally) -> Iterator[tuple[str, str, list[int], str]]:
    """Failures by verdict and site, most frequent first: verdict, site, numbers, and the first one's detail."""
    found: dict[tuple[str, str], list[Any]] = {}
    for number, outcome in tally.failures:
        found.setdefault((outcome.verdict, outcome.site or outcome.detail), []).append((number, outcome.detail))
    for (verdict, where), each in sorted(found.items(), key=lambda item: -len(item[1])):
        yield verdict, where, [n for n, _ in each], each[0][1]
