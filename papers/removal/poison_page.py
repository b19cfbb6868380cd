"""The page of ``papers.removal.poison``: ``python -m papers.removal.poison_page``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
FOLDER = Path(__file__).parent
HEADS = ("Method", "Test accuracy", "Right on the true labels", "Right on the wrong labels", "Restored", "Seconds a model")
COLUMNS = ("test_accuracy", "corrected_accuracy", "forget_accuracy")


def page(held: Row) -> str:
    """A table in Markdown."""
    sizes = held["sizes"]
    lines = [
        "# Poisoned labels, repaired", "",
        f"{held['date']}, {held['machine']}, one thread; `python -m papers.removal.poison --images FOLDER --store FOLDER "
        f"--size {sizes['train']} --seeds {held['seeds']}`, then `python -m papers.removal.poison_page`.", "",
        f"`{held['scenario']}`: {sizes['corrected']} of {sizes['train']} labels were flipped to another class, and the request "
        f"gives the true ones. Mean over {held['seeds']} models with 95 % intervals, on {sizes['test']} test images; fields of "
        "methods are their defaults, or were fixed beforehand. Restored is the share of the test accuracy that retraining gains "
        "over doing nothing, where it is shown to gain any. Seconds are of the clock, on cores that others used too.", "",
        "| " + " | ".join(HEADS) + " |", "|---" * len(HEADS) + "|",
    ]  # fmt: skip
    of = {row["method"]: row for row in held["results"]}
    low, high = (of[name]["scores"]["test_accuracy"][end] for name, end in (("Retrain()", "low"), ("Nothing()", "high")))
    nothing, retrained = (value(of[name], "test_accuracy") for name in ("Nothing()", "Retrain()"))
    for row in held["results"]:
        if row["error"]:
            lines.append(f"| `{row['method']}` | failed: {row['error']} |" + " |" * (len(HEADS) - 2))
            continue
        restored = f"{(value(row, 'test_accuracy') - nothing) / (retrained - nothing):.0%}" if low > high else "-"
        cells = [interval(row["scores"][name]) for name in COLUMNS]
        spent = "-" if row["seconds"] is None else f"{row['seconds']:.2g}"
        lines.append("| " + " | ".join([f"`{row['method']}`", *cells, restored, spent]) + " |")
    if low <= high:
        before = interval(of["Nothing()"]["scores"]["test_accuracy"])
        lines += [
            "", "Nothing is decided: models vary more by their seeds than retraining gains, so that there is no share of a gain to "
            f"tell. Of originals that all were trained, the mean accuracy would not be {before}: some hardly were.",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def value(row: Row, name: str) -> float:
    """A score's mean."""
    return float(row["scores"][name]["value"])


def interval(score: Row) -> str:
    """Mean and interval."""
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


if __name__ == "__main__":
    (FOLDER / "poison.md").write_text(page(json.loads((FOLDER / "poison.json").read_text())))
