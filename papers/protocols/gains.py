"""What each variance reduction gains: ``python -m papers.protocols.gains "Digits()" --store models`` prints a table.

An attack is as strong as the shift between originals and retrained models is in standard deviations between retrained models. The
number of models for the same certainty goes with the square, so a table gives how many times fewer models an attack needs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from papers.protocols.populations import Models, population

from untrain.maths import pairwise_attack
from untrain.maths.likelihood_ratio import ulira

REFERENCE, TIMES = 20, 40


def margins(models: Models, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Margins of models on the forget set, (m, n), and their means on the test set, (m,)."""
    forget, test = (np.flatnonzero(models.side == side) for side in ("forget", "test"))
    on_forget, on_test = [], []
    for row in rows:
        seen = models.observed(models.outputs([row]))
        on_forget.append(seen.at(forget).signal("margin")[0])
        on_test.append(seen.at(test).signal("margin")[0].mean())
    return np.stack(on_forget).astype(np.float64), np.array(on_test, dtype=np.float64)


def strength(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Shift in standard deviations between models."""
    return float(abs(ours.mean() - theirs.mean()) / theirs.std(ddof=1))


def attack_strengths(original: tuple, retrain: tuple) -> dict[str, float]:
    """Strength of each attack with ``REFERENCE`` retrained models to learn from, averaged over draws."""
    found: dict[str, list[float]] = {}
    for seed in range(TIMES):
        order = np.random.default_rng(seed).permutation(len(retrain[0]))
        known, rest = order[:REFERENCE], order[REFERENCE : REFERENCE + 100]
        learned, fresh = ((retrain[0][rows], retrain[1][rows]) for rows in (known, rest))
        ours, theirs = (attacks(table, learned) for table in (original, fresh))
        for name in ours:
            found.setdefault(name, []).append(strength(ours[name], theirs[name]))
    return {name: float(np.mean(values)) for name, values in found.items()}


def attacks(table: tuple, known: tuple) -> dict[str, np.ndarray]:
    """The value of each attack on each model, (m,): with the control variate and without, all examples alike or by difficulty."""
    signals, hard = known[0], pairwise_attack.difficulty(known[0])
    even = np.full_like(hard, 1 / len(hard))
    ours, theirs = pairwise_attack.adjusted(*table, *known)
    return {
        "mean margin": table[0].mean(1),
        "mean margin, control variate": ours.mean(1),
        "attack": pairwise_attack.gains(table[0], signals, even),
        "attack, control variate": pairwise_attack.gains(ours, theirs, even),
        "attack, by difficulty": pairwise_attack.gains(table[0], signals, hard),
        "attack, control variate, by difficulty": pairwise_attack.gains(ours, theirs, hard),
    }


def split_errors(original: tuple, retrain: tuple, m: int = 5, k: int = 10) -> dict[str, tuple[float, float]]:
    """Strength and spread, of comparisons of m models with k: of the attack over all pairs, over one split, and of U-LiRA."""
    found: dict[str, list[list[float]]] = {"all pairs": [[], []], "one split": [[], []], "U-LiRA, held out by folds": [[], []]}
    for seed in range(3 * TIMES):
        draw = np.random.default_rng(seed)
        order, some = draw.permutation(len(retrain[0])), draw.permutation(len(original[0]))[:m]
        known = order[m : m + k]
        for at, (table, rows) in enumerate(((retrain, order[:m]), (original, some))):
            signals, control = table[0][rows], table[1][rows]
            others, others_control = retrain[0][known], retrain[1][known]
            gained = pairwise_attack.attack(signals, control, others, others_control)[0]
            found["all pairs"][at].append(float(gained.larger.mean()))
            half, ours = k // 2, m // 2 + 1
            fit = pairwise_attack.difficulty(others[:half])
            left = pairwise_attack.adjusted(signals[:ours], control[:ours], others[half:], others_control[half:])
            found["one split"][at].append(float(pairwise_attack.gains(*left, fit).mean()))
            scores = ulira(signals, others, 10, "auto", 0.1)
            right = ((scores.unlearned > 0).mean() + (scores.oracle <= 0).mean()) / 2
            found["U-LiRA, held out by folds"][at].append(float(right - 0.5))
    return {name: (strength(np.array(b), np.array(a)), float(np.std(a, ddof=1))) for name, (a, b) in found.items()}


def pairing(models: Models, original: tuple, retrain: tuple) -> dict[str, float]:
    """Correlation of an endpoint between an original and the retrained model of the same seed and order."""
    paired = margins(models, models.rows("paired"))
    known, control = retrain[0][:100], retrain[1][:100]
    gains = [pairwise_attack.attack(*table, known, control)[0].larger for table in (original, paired)]
    losses = [np.log(np.logaddexp(0, -table[0]).mean(1)) for table in (original, paired)]
    pairs = {"mean margin": [original[0].mean(1), paired[0].mean(1)], "attack": gains, "forget": losses}
    return {name: float(np.corrcoef(*two)[0, 1]) for name, two in pairs.items()}


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("scenario")
    options.add_argument("--store", type=Path, required=True)
    options.add_argument("--originals", type=int, default=60)
    options.add_argument("--retrains", type=int, default=400)
    given = options.parse_args()
    models = population(given.scenario, given.originals, given.retrains, given.store)
    original, retrain = (margins(models, models.rows(kind)) for kind in ("original", "retrain"))
    strengths = attack_strengths(original, retrain)
    for name, value in strengths.items():
        base = strengths["mean margin" if name.startswith("mean") else "attack"]
        print(f"| {name} | {value:.1f} | {(value / base) ** 2:.1f} |")
    for name, (value, spread) in split_errors(original, retrain).items():
        print(f"| {name} | {value:.1f} | {100 * spread:.1f} |")
    for name, value in pairing(models, original, retrain).items():
        print(f"| same seed and order: {name} | r = {value:.2f} |")


if __name__ == "__main__":
    main()
