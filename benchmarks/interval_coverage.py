"""How often 95 % intervals of an accuracy hold a truth that is known: ``python benchmarks/interval_coverage.py`` prints a table.

Examples differ in difficulty: a share ``alike`` of the variance of answers is theirs, all of it where models answer alike. Of near-
duplicates whole owners are drawn. "Bootstrap alone" is what intervals were before errors too rare to be in the sample were allowed
for.
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np

from untrain.evaluation.base import Measure, Part, ScoreInfo
from untrain.evaluation.scoring.intervals import _interval
from untrain.evaluation.scoring.resampling import drawn, number
from untrain.maths import bootstrap

SHARE = ScoreInfo("", "fraction", "", "")
TRUTHS, SIZES, MODELS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.992, 0.998), (30, 60, 120, 300, 1000), (1, 2, 3, 5, 10)
DRAWS, CLUSTER = 300, 5


def answers(draw: np.random.Generator, truth: float, examples: int, models: int, alike: float, cluster: int) -> np.ndarray:
    """Whether models are right on examples, (m, n)."""
    count = examples // cluster
    if alike in (0.0, 1.0):
        easy = draw.uniform(size=count) < truth if alike else np.full(count, truth)
    else:
        easy = draw.beta(truth * (1 - alike) / alike, (1 - truth) * (1 - alike) / alike, size=count)
    return (draw.uniform(size=(models, count * cluster)) < np.repeat(easy, cluster)).astype(float)


def cell(truth: float, examples: int, models: int, alike: float, cluster: int, times: int) -> np.ndarray:
    """Share of intervals that hold the truth: of the bootstrap alone, and as they are."""
    draw, held = np.random.default_rng(0), np.zeros(2)
    owners = {"forget": np.arange(examples // cluster).repeat(cluster)} if cluster > 1 else {}
    for _ in range(times):
        measure = Measure((Part(1, "unlearned", "forget", answers(draw, truth, examples, models, alike, cluster)),))
        low, high = bootstrap.basic(number(measure), drawn(measure, DRAWS, 0), 0.0, 1.0)
        now = _interval(measure, SHARE, DRAWS, 0, owners)
        held += [low <= truth <= high, now.low <= truth <= now.high]
    return held / times


def main() -> None:
    """Print the least coverage over numbers of models and likeness, by truth and number of examples."""
    times = _times()
    for name, cluster, alikes in (
        ("each for itself", 1, (0.0, 0.3, 1.0)),
        (f"near-duplicates, {CLUSTER} to an owner", CLUSTER, (1.0,)),
    ):
        print(f"\n| Examples {name}: truth | " + " | ".join(f"n = {n}" for n in SIZES) + " |\n|---|" + "---|" * len(SIZES))
        for truth in TRUTHS:
            row = []
            for n in SIZES:
                cells = [cell(truth, n, m, alike, cluster, times) for m, alike in product(MODELS, alikes)]
                before, now = np.min(cells, axis=0)
                row.append(f"{100 * before:.0f} -> {100 * now:.0f}")
            print(f"| {truth} | " + " | ".join(row) + " |", flush=True)


def _times() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=400, help="intervals per cell")
    return int(parser.parse_args().times)


if __name__ == "__main__":
    main()
