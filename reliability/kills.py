"""Kills (SIGKILL): at random moments, and before every operation on a file."""

from __future__ import annotations

import os
import random
import signal
from functools import cache
from pathlib import Path
from typing import Any

from attack import Attack, Outcome
from child import Child, apart, command
from file_operations import watch
from sample import arguments, expected, outside, recovers, root_of, run

STEP = 67  # tries go through the operations by this step, so that a few tries meet all parts of a run


def at_random_moments(folder: Path, number: int) -> Outcome | None:
    """A command is killed up to three times, then runs to its end."""
    draw, root = random.Random(number), root_of(folder)
    store, out = folder / "store", folder / "out"
    whole = expected(root)["seconds"]
    for _ in range(draw.randint(1, 3)):
        process = Child(command(arguments(root, store, out)), folder / "work")
        if process.wait(draw.uniform(0.0, 1.1 * whole)):
            break
        process.signal(signal.SIGKILL)
        process.end(10)
    last = apart(command(arguments(root, store, out)), folder / "work")
    if last.failure or last.code:
        return last.failure or Outcome("traceback", last.err[-200:], "again")
    return outside(folder / "work", out) or recovers(folder, store)


def before_each_operation(folder: Path, number: int) -> Outcome | None:
    """Killed before one operation on a file of the store or of the results."""
    root, store, out = root_of(folder), folder / "store", folder / "out"
    total = operations(root)
    target = number * STEP % total

    def work() -> Any:
        watch((store, out), lambda at: os.kill(os.getpid(), signal.SIGKILL) if at == target else None)
        return run(root, store, out=out if with_page(root, target) else None)

    ended = apart(work, folder / "work")
    if ended.failure and ended.code != -signal.SIGKILL:
        return ended.failure
    if with_page(root, target):
        last = apart(lambda: run(root, store, out=out), folder / "work")
        if last.failure or last.code or last.value != expected(root)["document"]:
            return last.failure or Outcome(
                "silent", "other numbers, or refused, after a kill while results were written", "results"
            )
        wrong = outside(folder / "work", out)
        if wrong:
            return wrong
    return recovers(folder, store)


@cache
def operations(root: Path) -> int:
    """How many operations on files the run makes; they are counted once."""
    return int((root / "operations.txt").read_text().split()[0])


def with_page(root: Path, target: int) -> bool:
    """Whether an operation is one of those on the results; the page is written for these alone, since it takes longest."""
    return target >= int((root / "operations.txt").read_text().split()[1])


def count(root: Path) -> None:
    """Count the operations of the run, with results and without."""

    def work(out: Path | None, store: Path) -> Any:
        seen: list[int] = []
        watch((store, *([out] if out else [])), seen.append)
        run(root, store, out=out)
        return len(seen)

    place = root / "counting"
    first = apart(lambda: work(place / "out", place / "a"), place).value
    second = apart(lambda: work(None, place / "b"), place).value
    (root / "operations.txt").write_text(f"{first} {second}")


ATTACKS = (
    Attack("kills", "SIGKILL at random moments, then the same command", at_random_moments, 30, 2, seconds=120, small=True),
    Attack(
        "operations", "SIGKILL before each operation on a file, then the same run", before_each_operation, 160, 8,
        lambda folder: count(root_of(folder / "x")), seconds=120, small=True,
    ),
)  # fmt: skip
