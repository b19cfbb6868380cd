"""The page of ``papers.removal.digits``: ``python -m papers.removal.digits_page``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from papers.removal.page import interval

Row = Mapping[str, Any]
FOLDER = Path(__file__).parent
NAMES = {
    "Nothing()": "none", "Newton(hessian='original')": "jackknife, data read", "kept factor, original": "jackknife, kept factor",
    "Newton()": "Newton step, data read", "kept factor, corrected": "Newton step, kept factor", "Retrain()": "retraining",
}  # fmt: skip


def page(held: Row) -> str:
    """A table in Markdown, and what it says of the paper's claim."""
    lines = [
        "# 3 against 8, up to 1,000 digits removed", "",
        f"{held['date']}, {held['machine']}, one thread, {held['cpu_seconds']} CPU seconds; `python -m "
        "papers.removal.digits --data "
        "FOLDER`, then `python -m papers.removal.digits_page`.", "",
        f"{held['rows']:,} training digits of MNIST, {held['columns']} pixels less a half, rows of length 1, `{held['learner']}`; "
        f"training and its factor took {held['training']:.2g} CPU seconds. One request removes so many random digits "
        "from the model "
        "of all, in one step. Distance of all weights from those of retraining, and accuracy on "
        f"{held['test']:,} test digits, mean over {held['draws']} order(s), with 95 % intervals by "
        "Student's t where there are several. Where data "
        "are read, the "
        "Hessian is computed from all digits that stay; a kept factor is that of training, and for the Newton step it "
        "is changed by "
        "each digit that goes. Seconds are of the CPU, on cores that others used too; those of a kept factor are without what "
        "building a request's problem costs, as those of all others are.", "",
        "| Removed | Method | Distance to retraining | Test accuracy | CPU s | Share of retraining's seconds |", "|---" * 6 + "|",
        *lines_of(held["results"]), "",
        *claim(held["results"]),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def lines_of(rows: list[Row]) -> Iterator[str]:
    """A line for each count and method."""
    for count in dict.fromkeys(row["count"] for row in rows):
        whole = seconds(rows, count, "Retrain()")
        for method, name in NAMES.items():
            mine = picked(rows, count, method)
            accuracy = f"{np.mean([row['accuracy'] for row in mine]):.4f}"
            spent = seconds(rows, count, method)
            cells = [f"{count:,}", name, interval([row["distance"] for row in mine]), accuracy]
            yield "| " + " | ".join([*cells, f"{spent:.2g}", f"{spent / whole:.1%}"]) + " |"


def claim(rows: list[Row]) -> Iterator[str]:
    """What the paper says, that it is faster at the same accuracy, in numbers."""
    yield "The paper's claim is that the jackknife takes less time than the Newton step and retraining, at the same accuracy:"
    yield ""
    for count in dict.fromkeys(row["count"] for row in rows):
        jack, newton, none = (
            np.mean([row["distance"] for row in picked(rows, count, m)]) for m in ("kept factor, original", "Newton()", "Nothing()")
        )
        apart = max(
            abs(a["accuracy"] - b["accuracy"])
            for a, b in zip(picked(rows, count, "kept factor, original"), picked(rows, count, "Retrain()"), strict=True)
        )
        fast = seconds(rows, count, "kept factor, original")
        yield (
            f"- {count:,} removed: {seconds(rows, count, 'Newton()') / fast:,.0f} times as fast as a Newton step that reads "
            "the data and "
            f"{seconds(rows, count, 'Retrain()') / fast:,.0f} times as fast as retraining; test accuracy at most {apart:.4f} from "
            f"retraining's; of the distance that doing nothing leaves, {jack / none:.2%} stay, and {newton / none:.3%} after the "
            "Newton step."
        )


def picked(rows: list[Row], count: int, method: str) -> list[Row]:
    """Of one count and method, by draw."""
    return [row for row in rows if row["count"] == count and row["method"] == method]


def seconds(rows: list[Row], count: int, method: str) -> float:
    """Mean CPU seconds."""
    return float(np.mean([row["cpu_seconds"] for row in picked(rows, count, method)]))


if __name__ == "__main__":
    (FOLDER / "digits.md").write_text(page(json.loads((FOLDER / "digits.json").read_text())))
