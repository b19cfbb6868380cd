"""``python reliability [--fast] [--only KIND]... [--seed N] [--tries N] [--keep WHEN]``: attack untrain, and print one table.

A try is known by its kind and its number; ``--only KIND --seed N`` makes that one alone. The exit code is 1 where one did not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from datetime import date
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # results depend on it, and forked processes cannot share a pool of threads

from attack import HANG, LEFT, SILENT, TRACEBACK, VERDICTS, Attack
from workers import Tally, groups, run

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reliability.md"
FILES = (
    "kills", "signals", "writers", "disks", "changed_bytes", "bad_methods", "command_lines", "spellings", "id_lists", "array_files",
    "data_files", "stored_files",
)  # fmt: skip
HEADS = {SILENT: "silent changes", TRACEBACK: "tracebacks", HANG: "hangs", LEFT: "left over"}
SHOWN = 12


def attacks() -> list[Attack]:
    """All kinds of attack."""
    return [attack for name in FILES for attack in import_module(name).ATTACKS]


def machine() -> str:
    """What the table was made on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), platform.processor())
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "safetensors", "pyarrow"))
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {libraries}"


def rows(tallies: dict[str, tuple[Attack, Tally]]) -> list[list[str]]:
    """The table: a row for each kind, and their sum."""
    table = [["kind", "what", "tries", "held", *HEADS.values()]]
    for kind, (attack, tally) in tallies.items():
        counts = [f"{tally.counts[v]:,}" for v in VERDICTS]
        table.append([kind, attack.what, f"{tally.tries:,}", *counts] if not tally.skipped else [kind, tally.skipped, *"0-----"])
    sums = [sum(t.counts[v] for _, t in tallies.values()) for v in VERDICTS]
    table.append(["all", "", f"{sum(sums):,}", *(f"{n:,}" for n in sums)])
    return table


def as_markdown(table: list[list[str]]) -> str:
    """The table as a page has it."""
    head, *body = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([head, "|---|---|" + "--:|" * (len(table[0]) - 2), *body])


def as_text(table: list[list[str]]) -> str:
    """The table as a terminal has it."""
    wide = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    return "\n".join(
        "  ".join(c.ljust(w) if at < 2 else c.rjust(w) for at, (c, w) in enumerate(zip(r, wide, strict=True))) for r in table
    )


def told(kind: str, tally: Tally) -> None:
    """Print what did not hold, by site, with the command that repeats it."""
    for at, (verdict, where, numbers, detail) in enumerate(groups(tally)):
        if at == SHOWN:
            took = f"{tally.seconds:.0f} s, {busy() - before:.0f} s of a core"
            held = f"{tally.counts['held']} of {tally.tries} held"
            print(f"{attack.kind}: {held}, seeds {numbers[0]} to {numbers[-1]}, {took}", flush=True)
            told(attack.kind, tally)
    finally:
        shutil.rmtree(root,
        
        ignore_errors=True)
    table, seconds = rows(tallies), time.monotonic() - start
    print(f"\n{as_text(table)}\n{seconds:.0f} s; {machine()}")
    if asked.log:
        lines = [json.dumps([kind, n, *vars(o).values()]) for kind, (_, t) in tallies.items() for n, o in t.failures]
        Path(asked.log).write_text("".join(line + "\n" for line in lines))
    if asked.keep:
        keep(asked.keep, table, seconds, asked.fast)
    return int(any(tally.failures for _, tally in tallies.values()))


def busy() -> float:
    """Seconds of a core that all processes have used which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def attempted(attack: Attack, root: Path, numbers: range | list[int], processes: int) -> Tally:
    """The tries of one kind, in a folder of its own."""
    reason = attack.skip() if attack.skip else ""
    if reason:
        return Tally(skipped=f"skipped: {reason}")
    folder = root / f"tries-{attack.kind}"
    folder.mkdir()
    if attack.prepare:
        attack.prepare(folder)
    tally = run(attack, folder, list(numbers), processes)
    shutil.rmtree(folder, ignore_errors=True)
    return tally


if __name__ == "__main__":
    sys.exit(main())
