"""The page of ``papers.removal.compare``: ``python -m papers.removal.page``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from papers.planted.page import interval as student
from papers.removal.compare import LONG
from papers.removal.data import SETS

from untrain.maths.convex_optimum import DENSE

Row = Mapping[str, Any]
FOLDER = Path(__file__).parent
NAMES = {
    "Nothing()": "none", "Newton(hessian='original')": "jackknife", "Newton(hessian='rescaled')": "rescaled",
    "Newton()": "Newton step", "Retrain()": "retraining",
}  # fmt: skip


def page(document: Row) -> str:
    """Tables in Markdown."""
    one = next(iter(document["sets"].values()))
    heads = ("Data, loss", "Rows x columns", "Share gone", "None", "Jackknife", "Rescaled", "Newton step")
    spent = (f"{name}, s" for name in ("Retraining", "Newton step", "Jackknife"))
    lines = [
        "# One step in the place of retraining", "",
        f"{one['date']}, {one['machine']}, one thread; `python -m papers.removal.compare --data FOLDER`, then "
        "`python -m papers.removal.page`. Distance of all weights from those of retraining, mean over "
        f"{one['draws']} random forget sets with 95 % intervals by Student's t; both models are optima to a gradient of 1e-10. "
        "Seconds are of the CPU, per request, with all that it reads. Penalties were fixed beforehand. The rescaled step is left "
        f"out with an absolute penalty, for which there is none; above {DENSE:,} weights, where each leverage costs a solve by "
        f"conjugate gradients; and where rows that go times weights squared exceed {LONG:.0e}.", "",
        "| " + " | ".join((*heads, *spent)) + " |", "|---" * 10 + "|",
    ]  # fmt: skip
    for name, held in document["sets"].items():
        lines += list(lines_of(name, held))
    lacking = [name for name in SETS if name not in document["sets"]]
    if lacking:
        lines += ["", f"Not run so far: {', '.join(lacking)}."]
    return "\n".join([*lines, "", *(f"`{held['learner']}`: {name}  " for name, held in document["sets"].items())]) + "\n"


def lines_of(name: str, held: Row) -> Iterator[str]:
    """A line for each share of one data set."""
    for share in sorted({row["share"] for row in held["results"]}):
        rows = [row for row in held["results"] if row["share"] == share]
        of = {short: [row for row in rows if row["method"] == method] for method, short in NAMES.items()}
        distances = [interval([row["distance"] for row in of[n]]) for n in ("none", "jackknife", "rescaled", "Newton step")]
        seconds = [f"{np.mean([row['cpu_seconds'] for row in of[n]]):.2g}" for n in ("retraining", "Newton step", "jackknife")]
        size = f"{held['rows']:,} x {held['columns']:,}"
        yield "| " + " | ".join([name, size, f"{100 * share:g} %", *distances, *seconds]) + " |"


def interval(values: list[float]) -> str:
    """Mean, and the 95 % interval where there are several."""
    if not values:
        return "-"
    mean, low, high = student(values)
    return f"{mean:.2e}" + (f" [{max(low, 0):.2e}, {high:.2e}]" if len(values) > 1 else "")


if __name__ == "__main__":
    (FOLDER / "README.md").write_text(page(json.loads((FOLDER / "removal.json").read_text())))
