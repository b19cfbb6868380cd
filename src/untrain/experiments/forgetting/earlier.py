"""Checkpoints that an earlier run of the same command wrote, and left without an audit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from untrain.core.environment import absolute
from untrain.core.file_digests import file_digest
from untrain.core.paths import user_path
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
        with suppress(OSError, ValueError, RecursionError):
            document = json.loads(sidecar_of(file).read_text(encoding="utf-8"))
            if isinstance(document, dict) and "audit" not in document and "after" in document and _is_alike(document, begun):
                made = document.get("out")
                if isinstance(made, dict) and made.get("path") == str(file) and made.get("sha256") == file_digest(file):
                    return document
    return None


def _is_alike(document: Document, begun: Document) -> bool:
    return all(_at(document, keys) == _at(begun, keys) for keys in ALIKE)


def _at(document: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document
