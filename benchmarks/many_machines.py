"""Pools of two workers against this process alone, on tasks of one thread: training a small network, warm and cold."""

from __future__ import annotations

import hashlib
import sys
import time
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

from side_by_side import Row, ratio, row, show, times

from untrain import parse
from untrain.core.errors import MissingExtra
from untrain.data.splits import Data
from untrain.runtime.executors.base import Executor
from untrain.runtime.executors.processes import Processes
from untrain.runtime.executors.ray import Ray
from untrain.runtime.executors.serial import Serial

SCENARIO = "Digits(model=ConvNet(width={width}), steps=Steps(lr=0.05, epochs={epochs}, batch=64))"


@lru_cache(maxsize=1)
def loaded(scenario: str) -> tuple[Any, Data]:
    """The learner and the data, once in each process."""
    made = parse(scenario)
    return made.learner(), made.load()


def train(scenario: str, seed: int) -> tuple[str, float]:
    """A task: train a model; the digest of its weights, and the seconds of a core that it took."""
    learner, data = loaded(scenario)
    start = time.process_time()
    state = learner(data.train, seed).state_dict()
    return hashlib.sha256(b"".join(t.detach().numpy().tobytes() for t in state.values())).hexdigest(), time.process_time() - start


def executors() -> dict[str, Executor]:
    """This process, two processes, and Ray with two cores where it is installed."""
    ours: dict[str, Executor] = {"serial": Serial(), "two processes": Processes(2), "ray, two cores": Ray(workers=2)}
    try:
        ours["ray, two cores"].check_installed()
    except MissingExtra:
        print("ray is not installed: its rows are left out", file=sys.stderr)
        del ours["ray, two cores"]
    return ours


def nothing(seconds: float) -> float:
    """A task that holds its worker."""
    time.sleep(seconds)
    return seconds


def main(quick: bool = False) -> list[Row]:
    """All rows."""
    import many_machines as here  # workers find tasks by the name of their module, which is not __main__ there

    scenario = SCENARIO.format(width=8 if quick else 16, epochs=2 if quick else 8)
    calls = {str(seed): (scenario, seed) for seed in range(4 if quick else 8)}
    rows, found = [], dict[str, dict[str, str]]()
    spent: dict[str, list[float]] = {}
    with ExitStack() as stack:
        pools = {name: stack.enter_context(executor.open()) for name, executor in executors().items()}
        for name, pool in pools.items():
            start = time.perf_counter()
            list(pool.run_all(here.nothing, {str(i): (0.5,) for i in range(pool.size)}))
            cold = time.perf_counter() - start - 0.5
            list(pool.run_all(here.train, {str(i): (scenario, i) for i in range(2 * pool.size)}))  # loads the data in every worker
            rows.append(row(f"{name}: until its workers are there", "s", [cold]))

        def work(name: str) -> None:
            done = dict(pools[name].run_all(here.train, calls))
            found[name] = {task: digest for task, (digest, _) in done.items()}
            spent.setdefault(name, []).append(sum(seconds for _, seconds in done.values()))

        variants = {name: lambda name=name: work(name) for name in pools}
        taken = times(variants, 2 if quick else 7)
    each_task = [seconds / len(calls) for seconds in taken["serial"]]
    rows.append(row("one task, serial", "s", each_task, tasks=len(calls), scenario=scenario))
    for name in pools:
        if name != "serial":
            same = found[name] == found["serial"]
            rows.append(
                ratio(f"{name}: speed-up over serial", taken["serial"], taken[name], "at least 1.8", bit_for_bit_equal=same)
            )
            # On a busy machine the clock tells of others; what the cores were kept busy for does not.
            rows.append(ratio(f"{name}: core-seconds of a task over serial's", spent[name][1:], spent["serial"][1:]))
    return rows


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
