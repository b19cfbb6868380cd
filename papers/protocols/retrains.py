"""Real retrained models under each protocol: ``python -m papers.protocols.retrains "Digits()" --store models --out rates.json``.

Each model, or group of models, is drawn from hundreds of retrained ones and is compared with others of them, by all scores, as
an audit or a run does it. So all are perfect, and the share that fails is that of false alarms. Then come originals, which a method
gives that does nothing, and retrained models with planted leaks and damage. Results are appended; a second start goes on.
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
PLANTS = ("leak 1 %", "leak 5 %", "leak 20 %", "all a little", "one looked up", "both ways", "over-forgets", "damage")
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


def plant(models: Models, logits: np.ndarray, kind: str, draw: np.random.Generator) -> np.ndarray:
    """Logits of retrained models with a leak, or with damage, of a kind in ``PLANTS``.

    A leaked example has the outputs that an original gives it, the same examples in all models.
    """
    forget, test = (np.flatnonzero(models.side == side) for side in ("forget", "test"))
    originals = models.outputs(draw.permutation(models.rows("original"))[: len(logits)])
    logits = logits.copy()
    if kind in ("leak 1 %", "leak 5 %", "leak 20 %"):
        some = draw.permutation(forget)[: max(1, round(len(forget) * int(kind.split()[1]) / 100))]
        logits[:, some] = originals[:, some]
    elif kind == "all a little":
        logits[:, forget] = 0.5 * logits[:, forget] + 0.5 * originals[:, forget]
    elif kind == "one looked up":
        one = draw.choice(forget)
        logits[:, one, models.labels[one]] = logits[:, one].max(-1) + 15
    elif kind == "both ways":  # half of the examples are remembered, the others over-forgotten
        half = np.array_split(draw.permutation(forget), 2)
        logits[:, half[0]] = originals[:, half[0]]
        logits[:, half[1], models.labels[half[1]]] -= 2
    elif kind == "over-forgets":
        logits[:, forget, models.labels[forget]] -= 3
    elif kind == "damage":  # a twentieth of the test examples are predicted as the next class
        some = draw.permutation(test)[: len(test) // 20]
        wrong = (models.labels[some] + 1) % logits.shape[-1]
        logits[:, some, wrong] = logits[:, some].max(-1) + 1
    return logits


def trial(models: Models, m: int, k: int, seed: int, kind: str) -> dict[str, Any]:
    """One comparison: m models of a kind against k retrained ones; each retrained model stands once among the m of all trials."""
    draw = np.random.default_rng((seed, m, k))
    everyone, originals = models.rows("retrain"), draw.permutation(models.rows("original"))
    ours = everyone[seed * m : seed * m + m]
    logits = models.outputs(originals[:m] if kind == "original" else ours)
    if kind in PLANTS:
        logits = plant(models, logits, kind, draw)
    others = draw.permutation(np.setdiff1d(everyone, ours))[:k]
    known = models.observed(models.outputs(originals[: max(m, 3)])) if m > 1 else None
    return outcomes(models.observed(logits), models.observed(models.outputs(others)), known)


def main() -> None:
    """Go through the designs, one line of JSON per comparison."""
    torch.set_num_threads(1)
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("scenario")
    options.add_argument("--store", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--most", type=int, default=1000, help="retain and test examples at most, each")
    options.add_argument("--originals", type=int, default=60)
    options.add_argument("--retrains", type=int, default=400)
    options.add_argument("--designs", default="1x19,5x10,3x6,10x20")
    options.add_argument("--models", type=int, default=200, help="retrained models that are each judged once by each design")
    given = options.parse_args()
    models = population(given.scenario, given.originals, given.retrains, given.store).thinned(given.most)
    there = {(d["kind"], d["m"], d["k"], d["seed"]) for d in map(json.loads, given.out.open())} if given.out.exists() else set()
    for design in given.designs.split(","):
        m, k = map(int, design.split("x"))
        counts = {"retrain": given.models // m} | dict.fromkeys(
            ("original", *PLANTS), max(1, given.models // m // 8, 10 if m > 1 else 0)
        )
        for kind, count in counts.items():
            for seed in range(count):
                if (kind, m, k, seed) not in there:
                    line = {"kind": kind, "m": m, "k": k, "seed": seed, "outcomes": trial(models, m, k, seed, kind)}
                    with given.out.open("a") as file:
                        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
