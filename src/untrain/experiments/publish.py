"""Scores and the page as files, and stored runs by name."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from untrain.core.atomic_write import beside
from untrain.core.errors import BadInput, DataError
from untrain.evaluation.base import Evaluator
from untrain.experiments.results import material, scored
from untrain.reports.html.localize_page import localized
from untrain.reports.html.page import page
from untrain.runtime.store import Entry, Store

Document = dict[str, Any]


def scores_csv(documents: Sequence[Document]) -> str:
    """One line for each run, method and score."""
    text = io.StringIO()
    columns = ("value", "low", "high", "floor", "ceiling", "ideal", "reason", "resampled", "note")
    tested = {"verdict": "says", "difference": "difference", "difference_low": "low", "difference_high": "high", "margin": "margin",
              "p": "p"}  # fmt: skip
    table = csv.writer(text)
    table.writerow(("scenario", "method", "score", *columns, *tested))
    for document in documents:
        for row in document["results"]:
            for name, score in row["scores"].items():
                verdict = score["verdict"] or {}
                plain = (score[c] for c in columns)
                table.writerow((document["scenario"], row["method"], name, *plain, *(verdict.get(c) for c in tested.values())))
    return text.getvalue()


def writable(out: str | Path | None) -> None:
    """Refuse a folder that cannot be written before any work is done; nothing is made yet."""
    if out is None:
        return
    near = Path(out).absolute()
    while not near.exists() and near != near.parent:
        near = near.parent
    if not near.is_dir() or not os.access(near, os.W_OK | os.X_OK):
        told = "is no folder" if not near.is_dir() else "cannot be written"
        raise BadInput(f"cannot write to {out}: {near} {told}; name another folder with --out")


def publish(
    entries: Sequence[Entry],
    held: Store,
    out: str | Path | None,
    images: bool,
    command: str,
    chosen: list[Evaluator] | None = None,
) -> Document:
    """Score runs and write results.json, scores.csv and report.html, each whole or not at all.

    Args:
        entries: of kind 'run'.
        held: the store that they are in.
        out: the folder; None writes nothing.
        images: whether the page shows images of the forget set.
        command: shown on the page; bytes of a path that are not UTF-8 are shown as they are written, such as ``\\udce9``.
        chosen: the evaluators; None for one of each.
    """
    command = command.encode("utf-8", "backslashreplace").decode("utf-8")
    documents = [scored(entry, held, chosen) for entry in entries]
    whole = {"command": command, "runs": documents, "failed": sum(r["error"] is not None for d in documents for r in d["results"])}
    if out is None:
        return whole
    writable(out)
    folder = Path(out)
    made = [material(e, held, d, images) for e, d in zip(entries, documents, strict=True)]
    texts = {
        "results.json": json.dumps(whole, indent=1, allow_nan=False),
        "scores.csv": scores_csv(documents),
        "report.html": page(made, command),
    }
    lay(folder, texts)
    return whole | {"report": str(folder / "report.html")}


def publish_masks(document: Document, out: str | Path, command: str) -> str:
    """Write what ``untrain localize`` found as localize.json, localize.csv and localize.html; the path of the page."""
    command = command.encode("utf-8", "backslashreplace").decode("utf-8")
    texts = {
        "localize.json": json.dumps(document, indent=1, allow_nan=False),
        "localize.csv": masks_csv(document),
        "localize.html": localized(document, command),
    }
    lay(Path(out), texts)
    return str(Path(out) / "localize.html")


def masks_csv(document: Document) -> str:
    """One line for each number of a localizer: its share, its share of each layer, what it has in common with what, its seconds."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("scenario", "localizer", "what", "of", "value", "low", "high", "chance", "reason"))

    def write(name: str, what: str, of: str, told: Mapping[str, Any], value: str) -> None:
        table.writerow(
            (document["scenario"], name, what, of, told[value], *(told.get(c) for c in ("low", "high", "chance", "reason")))
        )

    for row in document["results"]:
        name = row["localizer"]
        if row["error"]:
            table.writerow((document["scenario"], name, "share", "", None, None, None, None, row["error"]))
            continue
        write(name, "share", "", row, "share")
        for layer in row["layers"]:
            write(name, "share of layer", layer["layer"], layer, "kept")
            write(name, "share of mask", layer["layer"], {"of_mask": layer["of_mask"]}, "of_mask")
        for kind, told in row["stability"].items():
            write(name, "overlap", f"across {kind}", told, "iou")
        write(name, "seconds", "", {"seconds": row["seconds"]}, "seconds")
    for pair in document["overlap"]:
        write(pair["one"], "overlap", pair["other"], pair, "iou")
    return text.getvalue()


def lay(folder: Path, texts: dict[str, str]) -> None:
    """Write files by name, each whole or not at all."""
    for name, text in texts.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with beside(folder / name) as fresh:
                fresh.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInput(
                f"cannot write {folder / name}: {error.strerror}; what was found is in the store, try another --out"
            ) from None


def find(word: str, held: Store) -> list[Entry]:
    """The entries of runs by a key, the beginning of one, 'latest', or a folder with results.json."""
    if Path(word).is_dir():
        try:
            keys = [str(run["run"]) for run in json.loads((Path(word) / "results.json").read_text())["runs"]]
        except (OSError, ValueError, KeyError, TypeError):
            raise DataError(f"{word} holds no results.json that untrain wrote") from None
        return [_keyed(key, held) for key in keys]
    return [_keyed(word, held)]


def _keyed(word: str, held: Store) -> Entry:
    """The entry of the run whose key begins so."""
    rows = [r["key"] for r in held.entries() if r["kind"] == "run"]
    found = rows[-1:] if word == "latest" else [k for k in rows if k.startswith(word)]
    if len(found) != 1:
        told = "there is no run" if not found else f"{len(found)} runs begin with"
        raise DataError(f"{told} {word!r} in {held.path}; it holds {[k[:12] for k in rows]}")
    entry = held.get(found[0])
    if entry is None:
        raise DataError(f"run {found[0][:12]} has just left {held.path}")
    return entry
