"""Real retrained models under each protocol: ``python -m papers.protocols.retrains "Digits()" --store models --out rates.json``.

Each model, or group of models, is drawn from hundreds of retrained ones and is compared with others of them, by all scores, as
an audit or a run does it. So all are perfect, and the share that fails is that of false alarms. The same groups of originals are
what a method does that does nothing. Results are appended; a second start goes on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from papers.protocols.populations import Models, population

from untrain.evaluation.glossary import evaluators
from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.outcome import Evidence, rule
from untrain.evaluation.protocols.protocol import Protocol
from untrain.evaluation.protocols.yardstick import alarm
from untrain.evaluation.scoring.assessment import assess, reference_of

NAMES = ("screening", "standard", "strict")
DRAWS = 50  # resamples behind intervals, which no outcome reads


def outcomes(ours: Observation, oracle: Observation, original: Observation | None) -> dict[str, Any]:
    """The outcome of each protocol on some models by all scores, and the power that is told."""
    chosen = [e for e in evaluators() if not e.probes]
    scores, verdict = assess(reference_of(chosen, oracle, original), ours, DRAWS)
    tested = {n: s.verdict for n, s in scores.items() if s.verdict is not None and n in verdict["tested"]}
    evidence = Evidence(tested, verdict["counts"], alarm(original, oracle) if original else "")
    found = {}
    for name in NAMES:
        ruling = rule(Protocol(name), ours, oracle, original, evidence)  # type: ignore[arg-type]
        found[name] = {"outcome": ruling.outcome, "because": ruling.because, "told": ruling.power.passes if ruling.power else None}
    return found


def trial(models: Models, m: int, k: int, seed: int, kind: str) -> dict[str, Any]:
    """One comparison: m models of a kind against k retrained ones; each retrained model stands once among the m of all trials."""
    draw = np.random.default_rng((seed, m, k))
    order = models.rows("retrain")
    ours = (
        models.rows("original")[draw.permutation(len(models.rows("original")))[:m]]
        if kind == "original"
        else order[seed * m : seed * m + m]
    )
    others = draw.permutation(np.setdiff1d(order, ours))[:k]
    originals = models.rows("original")[draw.permutation(len(models.rows("original")))[: max(m, 3)]]
    return outcomes(models.observed(ours), models.observed(others), models.observed(originals) if m > 1 else None)


def main() -> None:
    """Go through the designs, one line of JSON per comparison."""
    torch.set_num_threads(1)
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("scenario")
    options.add_argument("--store", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--originals", type=int, default=60)
    options.add_argument("--retrains", type=int, default=400)
    options.add_argument("--designs", default="1x19,5x10,3x6,10x20")
    options.add_argument("--models", type=int, default=200, help="retrained models that are each judged once by each design")
    given = options.parse_args()
    models = population(given.scenario, given.originals, given.retrains, given.store)
    there = {(d["kind"], d["m"], d["k"], d["seed"]) for d in map(json.loads, given.out.open())} if given.out.exists() else set()
    for design in given.designs.split(","):
        m, k = map(int, design.split("x"))
        for kind, count in (("retrain", given.models // m), ("original", max(1, given.models // m // 5))):
            for seed in range(count):
                if (kind, m, k, seed) not in there:
                    line = {"kind": kind, "m": m, "k": k, "seed": seed, "outcomes": trial(models, m, k, seed, kind)}
                    with given.out.open("a") as file:
                        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
