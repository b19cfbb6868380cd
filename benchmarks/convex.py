"""Convex learners beside scikit-learn: seconds to a gradient of 1e-10, and what scikit-learn reaches in how many.

``--deletions`` times one removed row instead, against retraining, by the number of rows: ``--out FILE`` has the table.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import Row, noise, show
from sklearn.linear_model import LogisticRegression, Ridge

from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.convex_optimum import optimum
from untrain.maths.design_matrix import DesignMatrix
from untrain.maths.leave_one_out import leave_one_out
from untrain.maths.linear_losses import LinearLoss
from untrain.maths.online_removal import RemovalState, removal_state, removed, weights_after
from untrain.maths.positive_factor import PositiveFactor

QUICK, FULL = ((10_000, 50),), ((10_000, 100), (100_000, 300), (1_000_000, 1_000))
L2 = 1e-3
ROWS, COLUMNS, REPEATS = (10_000, 100_000, 1_000_000), 50, 3


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


def spent(work: Callable[[], Any], repeats: int) -> list[float]:
    """CPU seconds of each of some calls, after one that is not counted; of a single one without."""
    if repeats > 1:
        work()
    found = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return found


def deletions(rows: int, columns: int = COLUMNS, repeats: int = REPEATS) -> dict[str, list[float]]:
    """CPU seconds of the removal of one row of a logistic regression with an intercept, by what removes it."""
    x, score = posed(rows, columns)
    signs = np.where(score > 0, 1.0, -1.0)

    def objective(some: slice, averaged: bool = True) -> ConvexObjective:
        design = DesignMatrix.of(x[some], intercept=True)
        return ConvexObjective(design, signs[some], LinearLoss("logistic"), l2=L2 if averaged else 0.0, mean=averaged)

    whole, after, gone = objective(slice(None)), objective(slice(1, None)), objective(slice(0, 1), averaged=False)
    weights = optimum(whole).weights
    kept: Mapping[str, RemovalState] = {
        "corrected": (state := removal_state(whole, weights)), "original": replace(state, data="original")
    }  # fmt: skip

    def newton() -> Any:
        here = after.at(weights)
        return weights - PositiveFactor.of(after.hessian(weights)).solve(here.slope)

    many, optima = np.arange(1000), list[Any]()
    repeats = 1 if rows > 100_000 else repeats
    found = {
        "retraining": spent(lambda: optima.append(optimum(after).weights), repeats),
        "Newton step": spent(newton, repeats),
        "kept factor, Newton step": spent(lambda: weights_after(removed(kept["corrected"], gone)), REPEATS),
        "kept factor, jackknife": spent(lambda: weights_after(removed(kept["original"], gone)), REPEATS),
        "factor, once": spent(lambda: removal_state(whole, weights), repeats),
        "each of 1,000 rows left out": [s / 1000 for s in spent(lambda: list(leave_one_out(whole, weights, many)), repeats)],
    }
    aim = optima[-1]
    for name, made in (("Newton step", newton()), ("kept", weights_after(removed(kept["corrected"], gone)))):
        if np.linalg.norm(made - aim) > 0.01 * np.linalg.norm(weights - aim):
            raise SystemExit(f"{name} is no removal")
    return found


def table(found: Mapping[int, Mapping[str, list[float]]], swing: Row) -> str:
    """The times in Markdown: the median, and least and most."""
    names = list(next(iter(found.values())))
    lines = [
        "# One deletion against retraining", "",
        f"`python benchmarks/convex.py --deletions --out FILE`, {platform.machine()} {platform.system()}, CPU seconds, one thread "
        f"on cores with others; the same matrix product took up to {swing['max']:.2f} times its least. Logistic regression, "
        f"an intercept, {COLUMNS} columns, l2 = {L2:g}, mean of losses; retraining is to a gradient of 1e-10. Median of "
        f"{REPEATS} calls after one, least and most in brackets (of a million rows one call of what reads them). The Newton step "
        "reads what stays; steps by a kept factor read the row that goes alone.", "",
        "| Rows | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|",
    ]  # fmt: skip
    for rows, times in found.items():
        cells = [f"{np.median(each):.2g} [{min(each):.2g}, {max(each):.2g}]" for each in times.values()]
        lines.append(f"| {rows:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--deletions" in sys.argv:
        text = table({rows: deletions(rows) for rows in ROWS}, noise(1))
        Path(sys.argv[sys.argv.index("--out") + 1]).write_text(text) if "--out" in sys.argv else print(text)
    else:
        show(main("--quick" in sys.argv))
