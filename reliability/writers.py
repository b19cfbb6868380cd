"""Eight writers on one store, while others prune, verify and report in a loop."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attack import Attack, Outcome
from child import Child, command
from sample import METHODS, difference, expected, recovers, root_of, run

WRITERS, LONG = 8, 100.0


def battle(folder: Path, number: int) -> Outcome | None:
    """Writers of the same run; a third of them are killed; pruning removes entries under their hands."""
    draw, root, store = random.Random(number), root_of(folder), folder / "store"
    calm = expected(root)["document"]
    ages = ("0", "0.00001", "1")
    loops = [
        ["store", "--verify", "--store", str(store)],
        ["store", "--prune", "--older-than", draw.choice(ages), "--store", str(store)],
        ["report", "--store", str(store), "--out", str(folder / "page"), "--no-images", "--evaluator", "Accuracy"],
    ]
    writers = [Child(lambda: run(root, store), folder / f"writer-{at}") for at in range(WRITERS)]
    others = [Child(repeated(line, 6), folder / f"loop-{at}") for at, line in enumerate(loops)]
    doomed = draw.sample(writers, WRITERS // 3)
    for each in doomed:
        each.wait(draw.uniform(0.0, 2.0))
        each.signal(signal.SIGKILL)
    for each in writers:
        ended = each.end(LONG)
        if each in doomed and ended.code == -signal.SIGKILL:
            continue
        if ended.failure:
            return ended.failure
        if ended.code == 0 and ended.value != calm:
            return Outcome("silent", f"a writer got other numbers: {difference(calm, ended.value)}", "a writer's numbers")
    for each in others:
        ended = each.end(LONG)
        if ended.failure:
            return ended.failure
    return recovers(folder, store)


def repeated(line: list[str], times: int) -> Callable[[], Any]:
    """A command so many times; one that is refused, since nothing is there yet, does not end the loop."""

    def work() -> None:
        for _ in range(times):
            try:
                command(line)()
            except SystemExit as end:
                if end.code not in (0, 1, 2, None):
                    raise

    return work


ATTACKS = (
    Attack(
        "writers", f"{WRITERS} writers of {len(METHODS)} methods, with prune, verify, report and kills", battle, 3, 1,
        seconds=300, alone=True, small=True,
    ),
)  # fmt: skip
