"""Convex learners beside scikit-learn: seconds to a gradient of 1e-10, and what scikit-learn reaches in how many."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from side_by_side import Row, show
from sklearn.linear_model import LogisticRegression, Ridge

from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.convex_optimum import optimum
from untrain.maths.design_matrix import DesignMatrix
from untrain.maths.linear_losses import LinearLoss

QUICK, FULL = ((10_000, 50),), ((10_000, 100), (100_000, 300), (1_000_000, 1_000))
L2 = 1e-3


def posed(rows: int, columns: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Inputs of float32 and scores with noise."""
    draw = np.random.default_rng(0)
    x = draw.standard_normal((rows, columns), dtype=np.float32)
    return x, x[:, :5].sum(1).astype(np.float64) + draw.normal(size=rows)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def compared(name: str, objective: ConvexObjective, fit: Callable[[], Any]) -> list[Row]:
    """Ours over theirs in one run, and the lengths of both gradients."""
    ours, found = timed(lambda: optimum(objective))
    theirs, fitted = timed(fit)
    weights = np.append(np.ravel(fitted.coef_), fitted.intercept_)
    reached = float(np.linalg.norm(objective.at(weights).slope))
    size = f"{name}, {objective.rows.rows} x {objective.rows.columns}"
    values = {
        f"convex: {size}: seconds": ("s", ours), f"convex: {size}: time over scikit-learn's": ("ratio", ours / theirs),
        f"convex: {size}: gradient": ("length", found.gradient), f"convex: {size}: gradient of scikit-learn": ("length", reached),
    }  # fmt: skip
    if found.failure:
        raise SystemExit(f"{size}: {found.failure}")
    return [{"name": n, "unit": unit, "median": v, "min": v, "max": v, "n": 1} for n, (unit, v) in values.items()]


def main(quick: bool) -> list[Row]:
    """Ridge and logistic regression at each size."""
    rows: list[Row] = []
    for size in QUICK if quick else FULL:
        x, score = posed(*size)
        design, n = DesignMatrix.of(x, intercept=True), len(x)
        ridge = ConvexObjective(design, score, LinearLoss("squared"), l2=L2)
        rows += compared("ridge", ridge, lambda x=x, y=score, n=n: Ridge(alpha=L2 * n).fit(x, y))
        signs = np.where(score > 0, 1.0, -1.0)
        logistic = ConvexObjective(design, signs, LinearLoss("logistic"), l2=L2)
        rows += compared(
            "logistic", logistic, lambda x=x, y=signs, n=n: LogisticRegression(C=1 / (L2 * n), max_iter=1000).fit(x, y)
        )
    return rows


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
