"""Start-up, and what the demo does beside training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from side_by_side import Row, row, show

LIGHT = "import untrain, sys; assert 'torch' not in sys.modules"


def seconds(command: list[str], repeats: int) -> list[float]:
    """Wall-clock of a command, several times, after one that is not counted."""
    found = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - start)
    return found[1:]


def overhead(seeds: int, oracles: int) -> list[Row]:
    """The share of the demo's core-seconds that no model's training or unlearning took.

    The work itself is what the store's records say that each model took; the rest is start-up, answers, scores and the page.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        command = [sys.executable, "-m", "untrain", "demo", "--seeds", str(seeds), "--oracles", str(oracles)]
        start = time.perf_counter()
        subprocess.run(
            [*command, "--out", str(place / "out"), "--store", str(place / "store")], check=True, stdout=subprocess.DEVNULL
        )
        wall = time.perf_counter() - start
        records = [json.loads(file.read_text()) for file in place.glob("store/objects/*/*/record.json")]
        work = sum(r["cost"].get("seconds", 0.0) for r in records if "cost" in r)
        cores = len(os.sched_getaffinity(0))
        again = seconds([*command, "--out", str(place / "out"), "--store", str(place / "store")], 1)[0]
    share = 1 - work / (cores * wall)
    return [
        row(
            "demo from an empty store: wall-clock",
            "s",
            [wall],
            models=sum("cost" in r for r in records),
            seeds=seeds,
            oracles=oracles,
        ),
        row("demo: share of the cores' time outside training and unlearning", "share", [share], "below 0.10", core_seconds=work),
        row("demo once more, all models stored", "s", [again]),
    ]


def main(quick: bool = False) -> list[Row]:
    """All rows."""
    repeats = 3 if quick else 9
    rows = [
        row("untrain --help", "s", seconds([sys.executable, "-m", "untrain", "--help"], repeats), "at most 0.5"),
        row("import untrain, without torch", "s", seconds([sys.executable, "-c", LIGHT], repeats), "at most 0.2"),
        row("an interpreter that does nothing", "s", seconds([sys.executable, "-c", "pass"], repeats)),
    ]
    return rows + overhead(2 if quick else 5, 4 if quick else 10)


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
