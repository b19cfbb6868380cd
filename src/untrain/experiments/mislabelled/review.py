"""A review: rows whose label is doubtful, each with what a person needs to see to decide, as a document."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.core.escapes import csv_row
from untrain.data.understood import Understood
from untrain.experiments.mislabelled.prepare import Ground
from untrain.experiments.mislabelled.search import JudgedLabels, accuracy, guess_of
from untrain.reports.shown import Shown, of_inputs

Document = dict[str, Any]
KIND = "untrain review"
COLUMNS = ("id", "given_label", "likely_label", "score")


def review_of(data: Understood, ground: Ground, judged: JudgedLabels, most: int | None, facts: Mapping[str, Any]) -> Document:
    """The document of a search for wrong labels.

    Args:
        data: as the user holds them.
        ground: examples and learner of the search.
        judged: what it found.
        most: rows to list; None for those that are probably wrong.
        facts: of the search, such as its seed.
    """
    train, rows = ground.train, judged.listed(most)
    labels, likely = np.asarray(train.y.cpu().numpy()), judged.probabilities.argmax(1)
    names, ids = train.categories, np.asarray(train.ids)
    listed = [
        {"id": ids[row].item(), "row": int(row), "given": names[labels[row]], "likely": names[likely[row]],
         "score": float(judged.scores[row]), "sure": float(judged.probabilities[row].max())}
        for row in rows
    ]  # fmt: skip
    several = np.isin(ids[rows], _repeated(ids))
    return {
        "kind": KIND, "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "source": data.table.source, "rows": len(train),
        "classes": list(names), "network": ground.network, "steps": ground.steps, **facts,
        "accuracy": accuracy(judged.probabilities, labels), "guess": guess_of(labels),
        "found": int(judged.found.sum()), "not_checked": int((~judged.checked).sum()),
        "shared_ids": int(several.sum()), "listed": listed,
    }  # fmt: skip


def _repeated(ids: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    known, counts = np.unique(ids, return_counts=True)
    return np.asarray(known[counts > 1])


def shown_rows(data: Understood, rows: Sequence[int]) -> list[Shown]:
    """Rows of data as a person sees them: images, texts, or cells."""
    at = np.asarray(rows, dtype=np.int64)
    try:
        inputs = data.inputs[at]
    except DataError:  # words that a transform of the user's turns into numbers
        cells = [[str(data.table.columns[name][row]) for name in data.roles.x] for row in at]
        return [Shown("row", cells=tuple(zip(data.roles.x, row, strict=True))) for row in cells]
    return of_inputs(inputs, data.roles.x if inputs.ndim == 2 and len(data.roles.x) == inputs.shape[1] else None)


def csv_lines(review: Mapping[str, Any]) -> list[list[Any]]:
    """The rows of a review as lines of a CSV file that a request takes as it is; no cell is a formula."""
    lines = [[each["id"], each["given"], each["likely"], f"{each['score']:.6f}"] for each in review["listed"]]
    return [list(COLUMNS), *(csv_row(line) for line in lines)]
