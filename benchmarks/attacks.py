"""U-LiRA of 64 unlearned models by 10,000 examples by 64 oracles: seconds, memory, and the ratio to a loop over examples."""

from __future__ import annotations

import sys

import numpy as np
import torch
from side_by_side import Row, noise, peak, ratio, row, show, times

from untrain.core.discovery import load
from untrain.evaluation.base import Prepared
from untrain.maths.likelihood_ratio import FLOOR, calls, folds, ulira
from untrain.maths.ulira_many_sets import Bases, Unlearned, many_sets

MODELS, FOLDS = 64, 10


def margins(examples: int, models: int = MODELS, seed: int = 0) -> np.ndarray:
    """Margins of models on examples that differ in how easy they are."""
    draw = np.random.default_rng((seed, models))
    return draw.normal(0, 3, examples) + draw.normal(size=(models, examples))


def loop(unlearned: np.ndarray, oracle: np.ndarray) -> float:
    """The same attack example by example: fits to all models outside a fold, and the models of the fold tried on them."""
    ours, theirs = folds(unlearned, FOLDS), folds(oracle, FOLDS)
    right = 0.0  # there are as many models of both kinds
    for at in range(unlearned.shape[1]):
        x, y = unlearned[:, at], oracle[:, at]
        for fold in range(FOLDS):
            fits = [(s.mean(), max(s.var(), FLOOR**2)) for s in (x[ours != fold], y[theirs != fold])]
            for held, sign in ((x[ours == fold], 1), (y[theirs == fold], -1)):
                (a, v), (b, w) = fits
                told = -((held - a) ** 2) / v - np.log(v) + (held - b) ** 2 / w + np.log(w)
                right += (sign * told > 0).sum() / 2 / len(x)
    return right / unlearned.shape[1]


def one_set(examples: int, repeats: int) -> list[Row]:
    """One forget set."""
    ours, theirs = margins(examples), margins(examples, seed=1)
    variants = {"untrain": lambda: ulira(ours, theirs, FOLDS, "example"), "loop": lambda: loop(ours, theirs)}
    found = times(variants, repeats)
    label = f"U-LiRA, {MODELS} x {examples:,} x {MODELS}"
    before = peak(lambda: None)
    more = [(peak(variants["untrain"]) - before) / 2**20 for _ in range(3)]
    held = ulira(ours, theirs, FOLDS, "example")
    agree = abs((calls(held.unlearned).mean() + 1 - calls(held.oracle).mean()) / 2 - loop(ours, theirs))
    return [
        row(label, "s", found["untrain"], "seconds"),
        ratio(f"{label}: example by example / untrain", found["loop"], found["untrain"], apart=float(agree)),
        row(f"{label}: memory beyond the arrays", "MiB", more, "bounded", arrays=(ours.nbytes + theirs.nbytes) / 2**20),
    ]


def many(examples: int, repeats: int) -> list[Row]:
    """Many forget sets: four unlearned models of each of 64 base models."""
    draw = np.random.default_rng(0)
    keys = list(range(MODELS))
    base = np.repeat(keys, 4)
    saw = draw.uniform(size=(MODELS, examples)) < 0.5
    forgot = saw[base] & (draw.uniform(size=(len(base), examples)) < 0.2)
    ours = Unlearned(base.tolist(), margins(examples, len(base)), forgot)
    bases = Bases(keys, margins(examples), saw)
    found = times({"untrain": lambda: many_sets(ours, bases)}, repeats)
    return [row(f"U-LiRA over forget sets, {len(base)} x {examples:,} x {MODELS}", "s", found["untrain"])]


def whole(forget: int, repeats: int) -> list[Row]:
    """What a permutation test calls for each split of the models: 5 unlearned models and 10 oracles."""
    side = np.repeat(["forget", "test"], [forget, 2 * forget])
    tables = [margins(3 * forget, m, m) for m in (5, 10, 6)]
    rows = []
    for name in ("LiRA", "ULiRA", "RMIA"):
        made = load(name)()
        ours, theirs, original = [-np.logaddexp(0, -t) for t in tables] if name == "RMIA" else tables
        trial = Prepared(ours, theirs, side, False, original)
        found = times({"evaluate": lambda made=made, trial=trial: made.evaluate(trial)}, repeats, inner=20)
        rows.append(row(f"{name}, once, {forget} forget examples, 5 and 10 models", "ms", [1000 * t for t in found["evaluate"]]))
    return rows


def main(quick: bool = False, threads: int = 1) -> list[Row]:
    """All rows."""
    torch.set_num_threads(threads)
    rows = [noise(threads)]
    rows += one_set(300 if quick else 10_000, 2 if quick else 5)
    rows += many(300 if quick else 10_000, 2 if quick else 5)
    return rows + whole(180, 2 if quick else 10)


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
