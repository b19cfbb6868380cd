"""Distance to retraining of one step, by the share of examples that go: ``python -m papers.removal.compare --data FOLDER``.

FOLDER holds adult.csv.gz, diabetes_pima.csv.gz, drebin.npz and enron_testonly.npz; a set without its file is left out, and said.
Numbers of each draw go to removal.json beside this file, after each set; ``papers.removal.page`` writes the page.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from papers.removal.data import SETS
from papers.vision.removal import say, write

import untrain as ut
from untrain.maths.convex_optimum import DENSE

METHODS = ("Nothing()", "Newton(hessian='original')", "Newton(hessian='rescaled')", "Newton()")
SHARES = (0.01, 0.02, 0.05, 0.1)
LONG = 4e9  # numbers of the Hessian's factor that leverages read, at most


def main() -> None:
    """Run each set that is asked for and write its numbers."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("names", nargs="*", help=f"of {', '.join(SETS)}; none means all")
    options.add_argument("--data", type=Path, required=True, help="folder of the files")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "removal.json")
    options.add_argument("--draws", type=int, default=5)
    given = options.parse_args()
    torch.set_num_threads(1)
    document = json.loads(given.out.read_text()) if given.out.exists() else {"sets": {}}
    for name in given.names or SETS:
        spelling, read = SETS[name]
        try:
            examples = read(given.data)
        except FileNotFoundError as error:
            print(f"{name}: left out, {error}", file=sys.stderr)
            continue
        began = time.process_time()
        rows = [row for share in SHARES for draw in range(given.draws) for row in of_draw(spelling, examples, share, draw)]
        facts = {
            "learner": spelling, "rows": len(examples), "columns": int(np.prod(examples.x.shape[1:])), "draws": given.draws
        }  # fmt: skip
        document["sets"][name] = facts | ran(began) | {"results": rows}
        write(given.out, document)
        say(name)


def ran(began: float) -> dict[str, Any]:
    """When and where something was run, and the CPU seconds since ``began``."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": f"{platform.machine()} {platform.system()}",
        "cpu_seconds": round(time.process_time() - began),
    }  # fmt: skip


ORIGINALS: dict[str, Any] = {}


def of_draw(spelling: str, examples: ut.Examples, share: float, draw: int) -> list[dict[str, Any]]:
    """Distance to the retrained weights, and CPU seconds, of each method on one random forget set."""
    learner = ut.parse(spelling)
    if spelling + str(len(examples)) not in ORIGINALS:
        ORIGINALS.clear()
        ORIGINALS[spelling + str(len(examples))] = learner(examples)
    model = ORIGINALS[spelling + str(len(examples))]
    ids = np.random.default_rng((draw, round(1000 * share))).choice(examples.ids, round(share * len(examples)), replace=False)
    problem = ut.problem(examples, ids.tolist(), learner)
    retrained, seconds = timed(ut.Retrain(), model, problem)
    rows = []
    for method in METHODS:
        made = ut.parse(method)
        if "rescaled" in method and left_out(learner, sum(p.numel() for p in model.parameters()), len(ids)):
            continue
        unlearned, spent = timed(made, model, problem)
        rows.append(
            {"method": method, "share": share, "draw": draw, "distance": distance(unlearned, retrained), "cpu_seconds": spent}
        )
    return [*rows, {"method": "Retrain()", "share": share, "draw": draw, "distance": 0.0, "cpu_seconds": seconds}]


def left_out(learner: Any, weights: int, gone: int) -> bool:
    """Whether there is no rescaled step: none with an absolute penalty, and none of leverages that take too long.

    >>> [left_out(ut.Convex(), weights, gone) for weights, gone in ((85, 3_256), (2_082, 788), (2_082, 1_969), (4_903, 1))]
    [False, False, True, True]
    """
    return bool(learner.l1) or weights > DENSE or gone * weights**2 > LONG


def timed(method: Any, model: Any, problem: Any) -> tuple[Any, float]:
    """A method's model, and the CPU seconds of the call."""
    began = time.process_time()
    return method(model, problem), time.process_time() - began


def distance(one: Any, other: Any) -> float:
    """Euclidean, between all weights."""
    a, b = (torch.cat([p.detach().flatten() for p in model.parameters()]) for model in (one, other))
    return float((a - b).norm())


if __name__ == "__main__":
    main()
