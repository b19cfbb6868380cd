"""Earlier runs of the same command: checkpoints that they left without an audit, and rows that a checkpoint forgot before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from untrain.core.environment import absolute
from untrain.core.file_digests import file_digest
from untrain.core.metering import add_note
from untrain.core.paths import user_path
from untrain.data.examples import Examples
from untrain.data.fingerprint import print_of
from untrain.experiments.forgetting.writing import sidecar_of, usual_place

Document = dict[str, Any]
ALIKE = (
    ("model", "sha256"), ("data", "digest"), ("request", "digest"), ("seed",), ("plan", "method"),
    ("plan", "retraining", "learner"), ("valid", "sha256"), ("measured_on",), ("plan", "auto", "budget"), ("plan", "auto", "gap"),
    ("plan", "auto", "retrain_within"), ("before", "alike", "most"),
)  # fmt: skip


def candidates(path: Path, out: str | Path | None) -> list[Path]:
    """Checkpoints that are there with a document: the one that the user names, or those beside the old one."""
    if out is not None:
        named = absolute(user_path(out))
        return [named] if named.exists() and sidecar_of(named).is_file() else []
    found: list[Path] = []
    for at in count(1):
        file = usual_place(path, at)
        if not sidecar_of(file).is_file():
            return found
        found += [file] if file.exists() else []
    return found


def audited_later(files: Sequence[Path], begun: Document) -> Document | None:
    """The document of the newest checkpoint that was made of the same model by the same request and has no audit yet.

    Args:
        files: as ``candidates`` gives them.
        begun: all that is known before anything is changed.
    """
    for file in reversed(files):
        document = _document_of(file)
        here = document is not None and _at(document, ("out", "path")) == str(file)
        if document is not None and here and "audit" not in document and "after" in document and _is_alike(document, begun):
            return document
    return None


def note_forgotten_before(path: Path, train: Examples) -> None:
    """Add a note where a checkpoint forgot rows before, by its document and those of the checkpoints that it came of.

    A new request does not name these rows by itself: those that are still in the data are among the rows that stay.
    """
    found: dict[Path, Document] = {}
    while path not in found and (document := _document_of(path)) is not None:
        found[path] = document
        path = absolute(path.parent / str(_at(document, ("model", "path"))))
    rows = sum(int(_at(each, ("request", "rows")) or 0) for each in found.values())
    if rows:
        dates = ", ".join(sorted({str(each.get("made"))[:10] for each in found.values()}))
        same = print_of(train) in [_at(each, ("data", "digest")) for each in found.values()]
        there = "the data are those of then" if same else "they may still be in the data"
        add_note(
            f"warning: this checkpoint forgot {rows:,} row{'s'[: rows != 1]} before ({dates}), and {there}: what stays is learned "
            "again, so name all ids so far, or delete their rows from the data; untrain request keeps track of them"
        )


def _document_of(file: Path) -> Document | None:
    """The document beside a checkpoint that is still as it says; None where there is none."""
    with suppress(OSError, ValueError, RecursionError):
        document = json.loads(sidecar_of(file).read_text(encoding="utf-8"))
        ours = isinstance(document, dict) and document.get("what") == "untrain forget"
        if ours and _at(document, ("out", "sha256")) == file_digest(file):
            return dict(document)
    return None


def _is_alike(document: Document, begun: Document) -> bool:
    return all(_at(document, keys) == _at(begun, keys) for keys in ALIKE)


def _at(document: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document
