"""The page of ``papers.removal.certified``: ``python -m papers.removal.certified_page``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from papers.removal.page import interval

Row = Mapping[str, Any]
FOLDER = Path(__file__).parent
HEADS = (
    "Method",
    "Learner",
    "Removals until retraining",
    "Certified",
    "Distance after 10",
    "Called otherwise",
    "Seconds a request",
)


def page(held: Row) -> str:
    """A table in Markdown."""
    lines = [
        "# Certified removals beside one another", "",
        f"{held['date']}, {held['machine']}, one thread, {held['cpu_seconds']} CPU seconds; `python -m papers.removal.certified "
        "--data FOLDER`, then `python -m papers.removal.certified_page`.", "",
        f"Logistic regression on Adult, {held['rows']:,} rows of length 1, {held['columns']} columns, without a bias; seeds 0 to "
        f"{held['seeds'] - 1}, means with 95 % intervals by Student's t. Budgets are epsilon 1 at delta 1e-5 for all releases of "
        "a training together, or, where they share a perturbation, for the last one. Fields were fixed beforehand, but for plain "
        "steps of `NoisyFinetune`, which were made longer after one look at seed 0: one epoch at lr=1 left it 9.9 away, with 21 % "
        "of the rows called otherwise. So its line is a little too good, and its certificate is void. One random "
        f"example is removed a request, until a method says to retrain or {held['most']} are gone; methods in italics remove ten "
        "in one and keep nothing. Distance is that of the released weights, with their noise, to the optimum of the objective of "
        "`Convex` without the ten; called otherwise is the share of rows to which the released model gives another class than "
        "that optimum. Columns were standardised by all rows and seeds are in the script, which a certificate of a real request "
        "must not have: these are for study. Seconds are of the CPU, on cores "
        "that others used too.", "",
        "| " + " | ".join(HEADS) + " |", "|---" * len(HEADS) + "|", *lines_of(held), "",
        *dict.fromkeys(f"{letter}: `{spelling}`  " for spelling, letter in letters(held).items()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def letters(held: Row) -> dict[str, str]:
    """A letter for each learner."""
    return {spelling: chr(65 + at) for at, spelling in enumerate(dict.fromkeys(row["learner"] for row in held["results"]))}


def lines_of(held: Row) -> Iterator[str]:
    """A line for each method."""
    for method in dict.fromkeys(row["method"] for row in held["results"]):
        rows = [row for row in held["results"] if row["method"] == method]
        one = rows[0]
        stream = one["certified"] or one["met"] is not None
        name = f"`{method}`" if stream and "radius=1.001" in method else f"*`{method}`*"
        certified = "void" if "NoisyFinetune" in method else "yes" if all(row["certified"] for row in rows) else "no"
        cells = [name, letters(held)[one["learner"]], removals(rows), certified]
        cells += [interval([row["distance"] for row in rows]), f"{np.mean([row['otherwise'] for row in rows]):.2%}"]
        yield "| " + " | ".join([*cells, f"{np.mean([row['cpu_seconds'] for row in rows]):.2g}"]) + " |"


def removals(rows: list[Row]) -> str:
    """How many requests were met, or would be."""
    met = {row["met"] for row in rows}
    if None in met:
        return "-"
    least, most = min(met), max(met)
    text = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{text} or more" if any(row["capped"] for row in rows) else text


if __name__ == "__main__":
    (FOLDER / "certified.md").write_text(page(json.loads((FOLDER / "certified.json").read_text())))
