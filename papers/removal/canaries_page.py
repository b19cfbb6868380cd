"""The page of ``papers.removal.canaries``: ``python -m papers.removal.canaries_page``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from papers.planted.page import interval as student
from papers.removal.canaries import REPEATS, ROWS, STEPS

Row = Mapping[str, Any]
FOLDER = Path(__file__).parent


def page(held: Row) -> str:
    """A table in Markdown."""
    lines = [
        "# A secret before and after it is replaced", "",
        f"{held['date']}, {held['machine']}, one thread, {held['cpu_seconds']} CPU seconds; `python -m papers.removal.canaries`, "
        "then `python -m papers.removal.canaries_page`.", "",
        f"A transformer of one layer of width 32 learns {ROWS} rows of three digits and a secret one that comes {REPEATS} times, "
        f"by `{STEPS}`. The request `ReplaceTokens` puts another number in the secret's place. Exposure is log2 of 1,000 less "
        "log2 of the rank by loss among all numbers of three digits (Carlini et al. 2019): 9.97 bits for the best known, and 1.44 "
        "in the mean for one that nobody planted; the third column of bits is of one such. Ordinary loss is of the other rows, per "
        f"row. Mean over seeds 1 to {held['seeds']}, which draw rows, secret, replacement and training anew, with 95 % intervals "
        "by Student's t. A rate of 0.003 and a damping of 2 are those of the tests, which were found on one problem of seed 0; the "
        "damping of 20 was added when seeds 1 and 2 had shown that 2 is too small, so its line is a little too good. Fine-tuning "
        "takes a tenth of the epochs of training on the corrected data. CPU seconds are of cores that others used too.", "",
        "| Method | Secret, bits | Replacement, bits | Never planted, bits | Ordinary loss | CPU s |", "|---" * 6 + "|",
        *lines_of(held["results"]),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def lines_of(rows: list[Row]) -> Iterator[str]:
    """A line for each method."""
    for method in dict.fromkeys(row["method"] for row in rows):
        every = [row for row in rows if row["method"] == method]
        mine = [row for row in every if row["error"] is None]
        name = {"Nothing()": "none (the trained model)", "Retrain()": "retraining"}.get(method, f"`{method}`")
        if len(mine) < len(every):
            name += f", which gave no model for {len(every) - len(mine)} of {len(every)} seeds"
        cells = [interval([row[key] for row in mine]) for key in ("secret", "other", "never", "ordinary")] if mine else ["-"] * 4
        spent = f"{np.mean([row['cpu_seconds'] for row in mine]):.2g}" if mine else "-"
        yield "| " + " | ".join([name, *cells, spent]) + " |"


def interval(values: list[float]) -> str:
    """Mean, and the 95 % interval, which does not end below 0; of one value no interval."""
    if len(values) < 2:
        return f"{values[0]:.2f}"
    mean, low, high = student(values)
    return f"{mean:.2f} [{max(low, 0):.2f}, {high:.2f}]"


if __name__ == "__main__":
    (FOLDER / "canaries.md").write_text(page(json.loads((FOLDER / "canaries.json").read_text())))
