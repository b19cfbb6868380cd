"""SIGINT, SIGTERM and SIGHUP at random moments, and while the command begins."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from attack import LEFT, TRACEBACK, Attack, Outcome
from child import Child, Ended, command
from sample import arguments, expected, outside, recovers, root_of

SENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SOON = 20.0  # seconds within which a command has to end when it is told to


def in_the_middle(folder: Path, number: int) -> Outcome | None:
    """One signal to a run: one line, an exit code of its own, nothing half-written, and the same run again."""
    draw, root, sent = random.Random(number), root_of(folder), SENT[number % len(SENT)]
    store, out = folder / "store", folder / "out"
    process = Child(command(arguments(root, store, out)), folder / "work")
    if not process.wait(draw.uniform(0.0, expected(root)["seconds"])):
        process.signal(sent)
    wrong = answer(process.end(SOON), sent)
    if wrong:
        return wrong
    left = [f.name for f in (store / "tmp").iterdir() if not f.name.startswith("mark.")] if (store / "tmp").is_dir() else []
    if left:
        return Outcome(LEFT, f"{sent.name} left half-made work in tmp/: {left[:3]}", f"{sent.name}: tmp")
    return outside(folder / "work", out) or recovers(folder, store)


def answer(ended: Ended, sent: signal.Signals) -> Outcome | None:
    """Whether a process that got a signal ended as it should: its work done, or one line and the code of the signal."""
    if ended.code == 0 and not ended.failure:
        return None
    lines = ended.err.strip().splitlines()
    if ended.code == -sent and lines and lines[-1].startswith("untrain: "):
        return None  # it said so, and then ended as a shell expects
    if ended.failure:
        return Outcome(ended.failure.verdict, f"{sent.name}: {ended.failure.detail}", f"{sent.name}: {ended.failure.site}")
    if ended.code not in (130, 128 + sent) or not lines or not lines[-1].startswith("untrain: "):
        told = ascii(lines[-1:])
        return Outcome(TRACEBACK, f"{sent.name}: exit code {ended.code}, last line {told}"[:240], f"{sent.name}: code {ended.code}")
    return None


def at_the_start(folder: Path, number: int) -> Outcome | None:
    """A signal while a fresh interpreter imports: one line or none, no traceback."""
    draw, root, sent = random.Random(number), root_of(folder), SENT[number % len(SENT)]
    line = [sys.executable, "-m", "untrain", *arguments(root, folder / "store", folder / "out")]
    environment = {**os.environ, "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, errors="replace",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=draw.uniform(0.05, 5.0))
    except subprocess.TimeoutExpired:
        process.send_signal(sent)
        try:
            out, err = process.communicate(timeout=SOON + 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return Outcome("hang", f"{sent.name} while it begins: no end", f"{sent.name}: no end")
    ended = Ended(process.returncode, out, err)
    # Before the interpreter runs a line of untrain, a signal ends it in its own way.
    return None if ended.code == -sent and not err.strip() else answer(ended, sent)


ATTACKS = (
    Attack("signals", "SIGINT, SIGTERM, SIGHUP in the middle of a run", in_the_middle, 30, 3, seconds=120, small=True),
    Attack("start", "the same while the command begins", at_the_start, 18, 3, seconds=60, small=True, memory=1 << 40),
)
