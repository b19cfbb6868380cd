"""The page of ``papers.removal.features``: ``python -m papers.removal.features_page``."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from papers.removal.features import SETS
from papers.removal.page import FOLDER, Row, interval

NAMES = {
    "Nothing()": "none", "FirstOrder()": "first order, rate 0.001", "Newton(hessian='original')": "second order, H(D)",
    "Newton()": "second order, H(D')", "Finetune, penalty by the batch": "fine-tuning, one epoch",
    "Finetune, whole penalty": "fine-tuning, whole penalty in each batch", "Retrain()": "retraining",
}  # fmt: skip
HEADS = (
    "Data, features that may go", "Gone", "Method", "Gradient left", "Distance to retraining", "Of weights that stay", "Accuracy",
    "Recall", "CPU s",
)  # fmt: skip


def page(document: Row) -> str:
    """A table in Markdown."""
    one = next(iter(document["sets"].values()))
    draws = max(row["draw"] for held in document["sets"].values() for row in held["results"]) + 1
    lines = [
        "# Features that go, in one step", "",
        f"{one['date']}, {one['machine']}, one thread; `python -m papers.removal.features --data FOLDER`, then "
        "`python -m papers.removal.features_page`. Logistic regression, "
        f"`{document['learner']}`. Features are set to 0 in training and test data. D is the data before, D' after. Gradient and "
        "distance are lengths, of the objective's gradient on D' and between all weights, those of the features that went "
        "included; of weights that stay it is without those. Fine-tuning takes steps of 1e-4 of the mean loss of 32 rows for one "
        "epoch, with a batch's share of the penalty, or with all of it, as the source does. "
        f"Mean over {draws} draws of the features, or one where all go, with 95 % intervals by Student's t; recall is of "
        "the class +1, which is malware in Drebin, and in Adult an income above 50,000.", "",
        "| " + " | ".join(HEADS) + " |", "|---" * len(HEADS) + "|",
    ]  # fmt: skip
    for name, held in document["sets"].items():
        lines += list(lines_of(name, held))
    lines += ["", *(f"- {each}" for each in notes(document))]
    lacking = [name for name in SETS if name not in document["sets"]]
    if lacking:
        lines += ["", f"Not run so far: {', '.join(lacking)}."]
    return "\n".join(lines) + "\n"


def lines_of(name: str, held: Row) -> Iterator[str]:
    """A line for each count and method of one data set."""
    for count in sorted({row["count"] for row in held["results"]}):
        for method, short in NAMES.items():
            rows = [row for row in held["results"] if (row["count"], row["method"]) == (count, method)]
            lengths = [interval([row[key] for row in rows]) for key in ("gradient", "distance", "distance_stay")]
            shares = [f"{np.mean([row[key] for row in rows]):.4f}" for key in ("accuracy", "recall")]
            spent = f"{np.mean([row['cpu_seconds'] for row in rows]):.2g}"
            yield "| " + " | ".join([name, f"{count} of {held['may_go']}", short, *lengths, *shares, spent]) + " |"


def notes(document: Row) -> Iterator[str]:
    """What the numbers say of the paper's claims, by the numbers."""
    kept, beyond = [], []
    for name, held in document["sets"].items():
        for count in sorted({row["count"] for row in held["results"]}):
            left = {
                method: np.mean([r["gradient"] for r in held["results"] if (r["count"], r["method"]) == (count, method)])
                for method in ("Nothing()", "Newton()")
            }
            share = left["Newton()"] / left["Nothing()"]
            (kept if share <= 0.1 else beyond).append(f"{name}, {count}: {100 * share:.2g} %")
    yield f"The second-order step with H(D') leaves 10 % or less of the gradient that doing nothing leaves: {'; '.join(kept)}."
    if beyond:
        yield f"It leaves more: {'; '.join(beyond)}."


if __name__ == "__main__":
    (FOLDER / "features.md").write_text(page(json.loads((FOLDER / "features.json").read_text())))
