"""Chances of a wrong outcome by simulation: ``python -m papers.protocols.laws edges`` and ``... laws nulls``.

*Edges*: endpoints whose true difference is exactly the margin; the share that is found within is that of false acquittals.
*Nulls*: models of one law stand on both sides, and are ruled on by scores and endpoints; the share that fails is that of false
convictions. A law is of endpoints, or of margins on examples.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from untrain.evaluation.attacks.thresholdmia import ThresholdMIA
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.evaluation.metrics.perexample import PerExample
from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.margin_test import allowed, difference, outside, within
from untrain.evaluation.protocols.outcome import Evidence, rule
from untrain.evaluation.protocols.protocol import Margin, Protocol
from untrain.evaluation.scoring.assessment import Reference, examples
from untrain.evaluation.scoring.hypothesis_tests import Case, verdicts

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
DESIGNS = ((1, 10), (1, 19), (3, 6), (5, 10), (5, 20), (10, 20), (20, 20))
SPREADS = (2.0, 3.0, 4.0)


def contaminated(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """One value in ten lies five deviations away, as of a training run that failed; variance 1."""
    failed = draw.uniform(size=shape) < 0.1
    values = draw.standard_normal(shape) - 5 * failed
    return (values + 0.5) / np.sqrt(1 + 25 * 0.09)


LAWS: Mapping[str, Draw] = {
    "normal": lambda draw, shape: draw.standard_normal(shape),
    "Student's t, 4 degrees": lambda draw, shape: draw.standard_t(4, shape) / np.sqrt(2),
    "skewed upwards": lambda draw, shape: (draw.gamma(2, size=shape) - 2) / np.sqrt(2),
    "skewed downwards": lambda draw, shape: -(draw.gamma(2, size=shape) - 2) / np.sqrt(2),
    "one in ten fails": contaminated,
    "accuracy near 1": lambda draw, shape: (draw.binomial(400, 0.998, shape) / 400 - 0.998) / np.sqrt(0.998 * 0.002 / 400),
    "accuracy near 0": lambda draw, shape: (draw.binomial(400, 0.01, shape) / 400 - 0.01) / np.sqrt(0.01 * 0.99 / 400),
}


def edge(m: int, k: int, spreads: float, law: Draw, ratio: float, absolute: float, way: int, trials: int) -> float:
    """Share of endpoints on the edge of their margin, the larger of its two distances, that are found within."""
    draw = np.random.default_rng(0)
    margin = Margin(spreads, absolute)
    c = allowed(margin, m)
    shift = max(c, absolute) * (1 if way >= 0 else -1)
    ours = np.full((trials, 1), shift) if m == 1 else shift + ratio * law(draw, (trials, m))
    found = difference(ours, law(draw, (trials, k)), c, way)
    return float(within(found, margin, c, 0.05).mean())


def edges(trials: int) -> None:
    """Print the share of false acquittals, in per cent, over designs and laws: the worst of the margins and of both directions."""
    print("| law | " + " | ".join(f"{m} and {k}" for m, k in DESIGNS) + " |\n|---|" + "---|" * len(DESIGNS))
    for name, law in LAWS.items():
        for ratio in (1.0, 2.0):
            row = []
            for m, k in DESIGNS:
                if m == 1 and ratio != 1:
                    row.append("-")
                    continue
                cells = [edge(m, k, s, law, ratio, 0.0, w, trials) for s in SPREADS for w in (-1, 0, 1)]
                both = [edge(m, k, s, law, ratio, allowed(Margin(s), m), w, trials) for s in SPREADS for w in (-1, 0, 1)]
                row.append(f"{100 * max(cells):.1f} / {100 * max(both):.1f}")
            spread = "" if ratio == 1 else ", unlearned models spread twice as much"
            print(f"| {name}{spread} | " + " | ".join(row) + " |", flush=True)
    print("\nof endpoints without a difference, found outside:")
    for name, law in LAWS.items():
        draw = np.random.default_rng(1)
        shares = []
        for m, k in DESIGNS:
            c = allowed(Margin(2.0), m)
            shares.append(outside(difference(law(draw, (trials, m)), law(draw, (trials, k)), c, 0), Margin(2.0), c, 5).mean())
        print(f"| {name} | " + " | ".join(f"{100 * s:.2f}" for s in shares) + " |", flush=True)


@dataclass(frozen=True)
class ExampleLaw:
    """Margins on examples: a level per example, which a model's temperature multiplies, and a part of its own on each.

    Args:
        law: of both parts.
        level: mean margin; accuracy is near 1 where it is large and near 0 where it is small.
        cluster: examples that share a model's own part, as near-duplicates do.
        fails: share of models that did not learn: margins lower by 5.
    """

    law: Draw
    level: float = 2.0
    cluster: int = 1
    fails: float = 0.0

    def margins(self, draw: np.random.Generator, models: int, examples: np.ndarray) -> np.ndarray:
        """Margins of models on examples whose levels are given, (models, n)."""
        own = np.repeat(self.law(draw, (models, -(-len(examples) // self.cluster))), self.cluster, axis=1)[:, : len(examples)]
        failed = draw.uniform(size=(models, 1)) < self.fails
        return examples * (1 + 0.15 * self.law(draw, (models, 1))) + own - 5 * failed


EXAMPLE_LAWS = {
    "normal": ExampleLaw(LAWS["normal"]),
    "Student's t, 4 degrees": ExampleLaw(LAWS["Student's t, 4 degrees"]),
    "near-duplicates, 5 to a cluster": ExampleLaw(LAWS["normal"], cluster=5),
    "one in ten fails": ExampleLaw(LAWS["normal"], fails=0.1),
    "accuracy near 1": ExampleLaw(LAWS["normal"], level=7.0),
    "accuracy near 0": ExampleLaw(LAWS["normal"], level=-5.0),
}
SIZES = {"forget": 40, "test": 100, "retain": 60}


def null(law: ExampleLaw, m: int, k: int, seed: int) -> str:
    """The outcome on m models of the law of the k that they are compared with."""
    draw = np.random.default_rng((seed, m, k))
    side = np.repeat(list(SIZES), list(SIZES.values()))
    levels = law.level + 2 * draw.standard_normal(len(side))
    margins = law.margins(draw, m + k, levels)
    labels = np.zeros(len(side), dtype=np.int64)

    def seen(rows: slice) -> Observation:
        outputs = {"margin": margins[rows], "correct": (margins[rows] > 0).astype(np.float64)}
        return Observation(outputs, labels, labels, side, np.arange(len(side)).astype(str))

    ours, theirs = seen(slice(0, m)), seen(slice(m, None))
    reference = Reference((Accuracy(), PerExample(), ThresholdMIA()), theirs, (), {})
    cases = [Case(e, {"unlearned": e.prepare(ours), "oracle": e.prepare(theirs)}) for e in reference.chosen]
    tested = verdicts(cases, theirs)
    counts = examples(reference, ours, tested)[1]
    return rule(Protocol(), ours, theirs, None, Evidence(tested, counts)).outcome


def nulls(trials: int) -> None:
    """Print the shares that fail and that pass, with exact 95 % intervals of the former."""
    print("| law | models | fails, % | 95 % interval | passes, % |\n|---|---|---|---|---|")
    for name, law in EXAMPLE_LAWS.items():
        for m, k in ((1, 19), (5, 10)):
            began = time.perf_counter()
            found = [null(law, m, k, seed) for seed in range(trials)]
            failed = sum(outcome.startswith("fails") for outcome in found)
            ends = stats.binomtest(failed, trials).proportion_ci()
            passed = 100 * found.count("passes") / trials
            interval = f"{100 * ends.low:.1f} to {100 * ends.high:.1f}"
            print(f"| {name} | {m} and {k} | {100 * failed / trials:.1f} | {interval} | {passed:.0f} |", flush=True)
            print(f"  ({time.perf_counter() - began:.0f} s)", flush=True)


def main() -> None:
    """Print one of the tables."""
    torch.set_num_threads(1)
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("what", choices=("edges", "nulls"))
    options.add_argument("--trials", type=int, default=2000)
    given = options.parse_args()
    edges(given.trials) if given.what == "edges" else nulls(given.trials)


if __name__ == "__main__":
    main()
