"""``python reliability [--fast] [--fuzz N] [--only KIND]... [--seed N] [--tries N] [--keep WHEN]``: attack, and print one table.

A try is known by its kind and its number; ``--only KIND --seed N`` makes that one alone. ``--fuzz N`` makes N inputs for whatever
reads what others write: spellings, conditions, lists of ids, ledgers, certificates and checkpoints. The exit code is 1 where one
did not hold.
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
    "kills", "signals", "writers", "disks", "changed_bytes", "bad_methods", "command_lines", "spellings", "id_files", "array_files",
    "data_files", "stored_files", "service_files",
)  # fmt: skip
# What --fuzz divides its inputs among, by how quickly each is tried.
FUZZED = {"spec": 4, "where": 4, "ids": 3, "ledgers": 4, "certificates": 4, "checkpoints": 1}
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
            print(f"  ... and more; --log FILE writes all {len(tally.failures)}")
            break
        print(f"  {verdict}, {len(numbers)} times, {where}: {detail}")
        print(f"    python reliability --only {kind} --seed {numbers[0]}")


def keep(when: str, table: list[list[str]], seconds: float, fast: bool) -> None:
    """Write the table between its marks of the page."""
    start, end = f"<!-- {when} -->", f"<!-- /{when} -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(start)
    how = "a fast run" if fast else "a whole run" if when != "fuzz" else "inputs of --fuzz, a run"
    head = (
        f"{date.today().isoformat()}, {how} of {seconds / 60:.0f} minutes: {machine()}; load {os.getloadavg()[0]:.1f} at the end."
    )
    PAGE.write_text(f"{before}{start}\n{head}\n\n{as_markdown(table)}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def options(known: list[str]) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python reliability", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="a part of each kind")
    parser.add_argument(
        "--only", action="append", choices=known, metavar="KIND", help=f"one of {', '.join(known)}; may be repeated"
    )
    parser.add_argument("--seed", type=int, help="number of the one try to make")
    parser.add_argument("--first", type=int, default=0, help="number of the first try, so that others are made than usual")
    parser.add_argument("--tries", type=int, help="how many of each kind")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 8), help="how many work at once")
    parser.add_argument("--fuzz", type=int, metavar="N", help=f"N inputs in all for {', '.join(FUZZED)}")
    parser.add_argument(
        "--keep", metavar="WHEN", choices=("before", "after", "fuzz"), help="write the table to docs/reliability.md"
    )
    parser.add_argument("--log", metavar="FILE", help="write each failure as a line of JSON")
    return parser.parse_args()


def main() -> int:
    """Attack, print, and say whether all held."""
    every = attacks()
    asked = options([attack.kind for attack in every])
    chosen = [a for a in every if (a.kind in asked.only if asked.only else not asked.fuzz or a.kind in FUZZED)]
    root = Path(tempfile.mkdtemp(prefix="untrain-reliability-", dir=in_memory()))
    root.chmod(0o755)  # a process without rights has to find its way
    start, tallies = time.monotonic(), dict[str, tuple[Attack, Tally]]()
    try:
        if any(attack.small for attack in chosen):
            from sample import prepare

            prepare(root)
        for attack in chosen:
            count = asked.tries or (attack.fast if asked.fast else attack.tries)
            if asked.fuzz:
                count = max(1, asked.fuzz * FUZZED.get(attack.kind, 1) // sum(FUZZED.get(each.kind, 1) for each in chosen))
            numbers = range(asked.first, asked.first + count) if asked.seed is None else [asked.seed]
            before = busy()
            tally = attempted(attack, root, numbers, asked.processes)
            tallies[attack.kind] = attack, tally
            held, span = f"{tally.counts['held']} of {tally.tries} held", f"seeds {numbers[0]} to {numbers[-1]}"
            print(f"{attack.kind}: {held}, {span}, {tally.seconds:.0f} s, {busy() - before:.0f} s of a core", flush=True)
            told(attack.kind, tally)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    table, seconds = rows(tallies), time.monotonic() - start
    print(f"\n{as_text(table)}\n{seconds:.0f} s; {machine()}")
    if asked.log:
        lines = [json.dumps([kind, n, *vars(o).values()]) for kind, (_, t) in tallies.items() for n, o in t.failures]
        Path(asked.log).write_text("".join(line + "\n" for line in lines))
    if asked.keep:
        keep(asked.keep, table, seconds, asked.fast)
    return int(any(tally.failures for _, tally in tallies.values()))


def in_memory() -> str | None:
    """A folder in memory where there is one with room, since thousands of small stores are written; else the usual one."""
    shared = Path("/dev/shm")
    return str(shared) if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 2 << 30 else None


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
