"""Draws of the examples that models see: those that effects are estimated from, and those that check the estimates."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.attribution.estimation import Estimation
from untrain.core.seeds import seed_of
from untrain.experiments.populations.pairs import Pair
from untrain.experiments.populations.subsets import Subsets

Array = np.ndarray[Any, Any]


def half_subsets(estimation: Estimation) -> Subsets:
    """Halves of the population, if there is one, and those of the models that are held out, at the end."""
    models, held_out = estimation.sizes
    population = models if estimation.attributor.needs == "population" else 0
    return Subsets(models=population + held_out, seed=estimation.seed, scheme=estimation.scheme)


def leave_out(estimation: Estimation, n: int, size: int) -> tuple[list[Pair], Array]:
    """Pairs of rows and seed that leave out ``size`` random examples of n, and which these are, bool (m, n)."""
    draw = np.random.default_rng((estimation.seed, size))
    removed = np.zeros((estimation.held_out, n), dtype=bool)
    for row in removed:
        row[draw.choice(n, size, replace=False)] = True
    seeds = [seed_of(estimation.seed, "left out", at) for at in range(len(removed))]
    return [(np.flatnonzero(~row), seed) for row, seed in zip(removed, seeds, strict=True)], removed  # type: ignore[misc]
