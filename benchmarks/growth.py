"""How cost grows: with the forget set, the model, the classes and the number of models; expected and measured exponents."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from localization import posed
from scipy import stats
from side_by_side import Row, noise, show

from training import images
from untrain.data.examples import Examples
from untrain.data.near_duplicates import near_duplicates
from untrain.evaluation.attacks.thresholdmia import ThresholdMIA
from untrain.evaluation.metrics.klom import KLoM
from untrain.evaluation.observation import Observation
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.resnet import ResNet
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.unlearners.neggrad import NegGrad


def curve(
    name: str, expected: float, xs: Sequence[float], works: Sequence[Callable[[], object]], repeats: int, unit: str = ""
) -> Row:
    """Least seconds at each size; the exponent is the slope of a line through their logarithms, with its 95 % interval."""
    found: list[list[float]] = [[] for _ in xs]
    for _ in range(repeats + 1):
        for at, work in enumerate(works):
            start = time.perf_counter()
            work()
            found[at].append(time.perf_counter() - start)
    least = [min(times[1:]) for times in found]
    line = stats.linregress(np.log(xs), np.log(least))
    half = float(stats.t.ppf(0.975, len(xs) - 2) * line.stderr) if len(xs) > 2 else None
    slope = float(line.slope)
    low, high = (None, None) if half is None else (slope - half, slope + half)
    return {
        "name": f"growth: {name}", "unit": "exponent", "median": slope, "min": low, "max": high, "n": len(xs),
        "asked": f"expected {expected:g}", "at": list(xs), "seconds": least, "of": unit,
    }  # fmt: skip


def forget_sizes(sizes: Sequence[int], repeats: int) -> list[Row]:
    """A localization reads the forget set once; an epoch of NegGrad reads the retain set whatever is forgotten."""
    model = ConvNet(width=16).build((3, 32, 32), 10).eval()
    problems = [posed(n) for n in sizes]
    rows = [
        curve(
            "DEL's mask by forget-set size", 1, sizes, [lambda p=p: WeightedGrad()(model, p) for p in problems], repeats, "images"
        )
    ]
    whole = images(2 * max(sizes))
    parts = [
        Problem(Classification(), _part(whole, 0, n), _part(whole, max(sizes), 2 * max(sizes)), recipe=Train(model=ConvNet()))
        for n in sizes
    ]
    method = NegGrad(steps=Steps(lr=0.001, epochs=1))
    works = [lambda p=p: method(model, p) for p in parts]
    return [*rows, curve("an epoch of NegGrad by forget-set size, retain set fixed", 0, sizes, works, 1, "images")]


def _part(examples: Examples, start: int, stop: int) -> Examples:
    return Examples.labelled(examples.x[start:stop], examples.y[start:stop], examples.ids[start:stop], examples.classes)


def model_sizes(widths: Sequence[int], repeats: int) -> list[Row]:
    """ResNet-18 of several widths: parameters and operations both grow with the square of the width."""
    models = [ResNet(width=w).build((3, 32, 32), 10).eval() for w in widths]
    sizes = [sum(p.numel() for p in m.parameters()) for m in models]
    problem = posed(64)
    works = [lambda m=m: WeightedGrad()(m, problem) for m in models]
    return [curve("DEL's mask by parameters, ResNet-18 of several widths", 1, sizes, works, repeats, "parameters")]


def classes(counts: Sequence[int], repeats: int) -> list[Row]:
    """Only the head grows with the number of classes."""
    models = [ResNet(width=16, depth=10).build((3, 32, 32), c).eval() for c in counts]
    problem = posed(128)
    return [
        curve(
            "DEL's mask by number of classes",
            0,
            counts,
            [lambda m=m: WeightedGrad()(m, problem) for m in models],
            repeats,
            "classes",
        )
    ]


def populations(counts: Sequence[int], repeats: int) -> list[Row]:
    """Scores read each model's answers once."""
    rng = np.random.default_rng(0)
    n = 2000
    labels, side = rng.integers(0, 10, n), np.repeat(["forget", "retain", "test"], [200, 1400, 400])

    def seen(m: int) -> Observation:
        logits = rng.normal(size=(m, n, 10)).astype(np.float32)
        return Observation.of_logits(logits, labels, labels, side, np.arange(n).astype(str))

    trials = [seen(m) for m in counts]
    return [
        curve(
            f"{type(e).__name__} prepared, by number of models",
            1,
            counts,
            [lambda t=t, e=e: e.prepare(t) for t in trials],
            repeats,
            "models",
        )
        for e in (ThresholdMIA(), KLoM())
    ]


def duplicates(sizes: Sequence[int], repeats: int) -> list[Row]:
    """Every forget example is compared with every retained one."""
    whole = images(max(sizes) + 200)
    works = [lambda n=n: near_duplicates(_part(whole, 0, 200), _part(whole, 200, 200 + n)) for n in sizes]
    return [curve("near-duplicates of 200 forget images, by retain-set size", 1, sizes, works, repeats, "images")]


def main(quick: bool = False, threads: int = 1) -> list[Row]:
    """All rows."""
    torch.set_num_threads(threads)
    rows = [noise(threads)]
    rows += forget_sizes([100, 300, 1000] if quick else [100, 300, 1000, 3000, 10000], 1 if quick else 2)
    rows += model_sizes([6, 16] if quick else [6, 12, 24, 40, 64], 1 if quick else 2)
    rows += classes([10, 100, 1000], 1 if quick else 5)
    rows += populations([10, 100, 400], 1 if quick else 5)
    rows += duplicates([1000, 3000, 10000], 1 if quick else 3)
    return rows


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
