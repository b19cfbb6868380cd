"""CPU seconds of the demo by phase, on one core: seconds of the processor, which others on the machine do not lengthen much."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORKERS = 2  # processes beside the first that a machine of two cores starts, each of which loads what trains
LOADED = "import untrain.experiments.pipeline, time; import torch.optim; print(time.process_time())"


class Phases:
    """CPU seconds by phase; a phase within another is taken off that."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.inner: list[float] = []

    def timed(self, phase: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same work, whose time counts for a phase."""

        def run(*given: Any, **named: Any) -> Any:
            start, within = time.process_time(), len(self.inner)
            self.inner.append(0.0)
            try:
                return work(*given, **named)
            finally:
                spent = time.process_time() - start
                self.seconds[phase] += spent - self.inner.pop()
                if within:
                    self.inner[-1] += spent

        return run

    def watch(self, owner: Any, name: str, phase: str) -> None:
        """Count a function or method for a phase, from now on."""
        setattr(owner, name, self.timed(phase, getattr(owner, name)))


def child(seeds: int, oracles: int) -> None:
    """Run the demo in this process, and print its phases."""
    phases = Phases()

    def load() -> None:
        from untrain.evaluation.glossary import evaluators
        from untrain.experiments import pipeline

        assert evaluators()
        assert pipeline

    phases.timed("start: imports", load)()
    from untrain.commands import demo
    from untrain.core import code_digest, patches
    from untrain.experiments import jobs, pipeline, publish, results
    from untrain.training.base import Learner
    from untrain.unlearners.base import Recipe, Unlearner

    patches.WATCHED, patches.WITHIN = (), ()  # what is put in here is no patch of a method's
    phases.watch(pipeline, "open_scenes", "data and requests")
    phases.watch(pipeline, "say_plans", "price and power")
    phases.watch(pipeline, "report_price", "price and power")
    phases.watch(jobs, "_train", "outputs, guards and files of models")
    phases.watch(jobs, "_unlearn", "outputs, guards and files of models")
    for role in (Learner, Unlearner, Recipe):
        phases.watch(role, "run", "training and unlearning")
    phases.watch(Learner, "__call__", "training and unlearning")
    phases.watch(results, "code_digest", "digests of code")
    phases.watch(publish, "score_run", "scores and tests")
    phases.watch(pipeline, "publish", "page and files")
    with tempfile.TemporaryDirectory() as place:
        run = phases.timed("the rest", demo.demo)
        run(Path(place) / "store", Path(place) / "out", seeds=seeds, oracles=oracles, workers=1)
    assert code_digest
    print(json.dumps({**phases.seconds, "all": time.process_time()}))


def measured(seeds: int, oracles: int) -> dict[str, float]:
    """Phases of the demo, and what each further process takes until it can train."""
    command = [sys.executable, __file__, "--child", str(seeds), str(oracles)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    each = float(subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True).stdout)
    return found | {f"start: {WORKERS} further processes": WORKERS * each, "all": found["all"] + WORKERS * each}


def main(quick: bool = False) -> list[dict[str, Any]]:
    """All rows."""
    from side_by_side import noise, row

    seeds, oracles = (2, 4) if quick else (5, 12)
    found = measured(seeds, oracles)
    whole, work = found.pop("all"), found["training and unlearning"]
    rows = [noise(1)]
    rows += [row(f"the demo, {seeds} seeds and {oracles} oracles: {phase}", "CPU s", [s]) for phase, s in found.items()]
    rows += [row("the demo: all of it", "CPU s", [whole])]
    return [*rows, row("the demo: share outside training and unlearning", "share", [1 - work / whole], "at most 0.25")]


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(*map(int, sys.argv[2:4]))
    else:
        from side_by_side import show

        show(main("--quick" in sys.argv))
