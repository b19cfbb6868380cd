"""Scores and masks as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from untrain.core.escapes import csv_row
from untrain.reports.write import Document


def scores_csv(documents: Sequence[Document]) -> str:
    """One line per run, method and score; the outcome on the method, which all its lines share, comes last."""
    text = io.StringIO()
    columns = ("value", "low", "high", "floor", "ceiling", "ideal", "reason", "resampled", "note")
    tested = {"verdict": "says", "difference": "difference", "difference_low": "low", "difference_high": "high", "margin": "margin",
              "p": "p"}  # fmt: skip
    ruled = ("protocol", "outcome")
    table = csv.writer(text)
    table.writerow(("scenario", "method", "score", *columns, *tested, *ruled))
    for document in documents:
        for row in document["results"]:
            for name, score in row["scores"].items():
                verdict = score["verdict"] or {}
                plain = (score[c] for c in columns)
                tests, outcome = (verdict.get(c) for c in tested.values()), (row["verdict"][c] for c in ruled)
                written = (document["scenario"], row["method"], name, *plain, *tests, *outcome)
                table.writerow(csv_row(written))
    return text.getvalue()


def masks_csv(document: Document) -> str:
    """One line per number of a localizer: share, share of each layer, overlaps, seconds."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("scenario", "localizer", "what", "of", "value", "low", "high", "chance", "reason"))

    def write(name: str, what: str, of: str, overlap: Mapping[str, Any], value: str) -> None:
        numbers = (overlap[value], *(overlap.get(c) for c in ("low", "high", "chance", "reason")))
        table.writerow(csv_row((document["scenario"], name, what, of, *numbers)))

    for row in document["results"]:
        name = row["localizer"]
        if row["error"]:
            table.writerow(csv_row((document["scenario"], name, "share", "", None, None, None, None, row["error"])))
            continue
        write(name, "share", "", row, "share")
        for layer in row["layers"]:
            write(name, "share of layer", layer["layer"], layer, "kept")
            write(name, "share of mask", layer["layer"], {"of_mask": layer["of_mask"]}, "of_mask")
        for kind, overlap in row["stability"].items():
            write(name, "overlap", f"across {kind}", overlap, "iou")
        write(name, "seconds", "", {"seconds": row["seconds"]}, "seconds")
    for pair in document["overlap"]:
        write(pair["one"], "overlap", pair["other"], pair, "iou")
    return text.getvalue()


def attribution_csv(document: Document) -> str:
    """One line per training example that raises or lowers the margin of a queried example."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("set", "asked", "label", "margin", "predicted", "way", "rank", "id", "id_label", "id_true", "value"))
    for row in document["asked"]:
        asked = (row["set"], row["id"], row["label"], row["margin"], row["predicted"])
        for way in ("raise", "lower"):
            for rank, one in enumerate(row[way], 1):
                table.writerow(csv_row((*asked, way, rank, one["id"], one["label"], one["true"], one["value"])))
    return text.getvalue()
