"""Writing results to a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from untrain.core.atomic_write import atomic_set, finish_set
from untrain.core.environment import absolute
from untrain.core.errors import BadInput
from untrain.core.paths import user_path

Document = dict[str, Any]
# Names of files that are written as a set; the first tells what it is about.
REPORT = ("results.json", "scores.csv", "report.html")
MASKS = ("localize.json", "localize.csv", "localize.html")
TRIALS = ("search.json", "search.csv")


def check_writable(out: str | Path | None) -> None:
    """Refuse a folder that cannot be written, before any work is done; the folder is not created."""
    if out is None:
        return
    near = absolute(user_path(out))
    while not near.exists() and near != near.parent:
        near = near.parent
    if not near.is_dir() or not os.access(near, os.W_OK | os.X_OK):
        problem = "is not a folder" if not near.is_dir() else "cannot be written"
        raise BadInput(f"cannot write to {out}: {near} {problem}; name another folder with --out")


def what_is_replaced(
    out: str | Path | None, names: Sequence[str], problems: Iterable[str] | None = None, replace: bool = False
) -> str:
    """Say in a line which earlier files a new set would replace; empty where there are none.

    Args:
        out: the folder; None for none.
        names: of the files of the set.
        problems: what the new set is about, as ``problems_of`` gives it; None where that is not known yet.
        replace: whether files about another problem may be replaced.

    Raises:
        BadInput: a file of such a name was not written by untrain, or is about another problem.
    """
    folder = None if out is None else user_path(out)
    if folder is None or not folder.is_dir():
        return ""
    with suppress(OSError):
        finish_set(folder)
    there = [name for name in names if os.path.lexists(folder / name)]
    if not there:
        return ""
    document = _document_in(folder / names[0])
    if document is None:
        raise BadInput(f"{out} has files of this name that untrain did not write: {there[0]}; name another folder with --out")
    about = document.get("runs", [document])
    text = f"{out} holds {names[0]} of {', '.join(dict.fromkeys(str(each['scenario']) for each in about))}"
    if problems is not None and not replace and problems_of(document) != set(problems):
        raise BadInput(f"{text}, which is another problem: name another folder with --out, or give --replace")
    keys = [str(each["run"])[:12] for each in about if "run" in each]
    again = f"; from the same store `untrain report {' '.join(keys)} --out FOLDER` makes them again" if keys else ""
    return f"{text}: these files are replaced{again}"


def problems_of(document: Document) -> set[str]:
    """What a set of files is about: the forget set of each run, or the scenario where there are no runs."""
    if "runs" in document:
        return {str(run.get("digest")) for run in document["runs"]}
    return {str(document["scenario"])}


def _document_in(file: Path) -> Document | None:
    """The document of a set, or None where the file is not one that untrain wrote."""
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    about = document.get("runs", [document]) if isinstance(document, dict) else None
    if not isinstance(about, list) or not about or not all(isinstance(each, dict) and "scenario" in each for each in about):
        return None
    return dict(document)


def write_files(folder: Path, texts: dict[str, str]) -> None:
    """Write files by name, all of them or none.

    Raises:
        BadInput: they cannot be written; what was there stays as it was.
    """
    names = " and ".join(texts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_set(folder) as fresh:
            for name, text in texts.items():
                # Names of files may hold bytes of no encoding.
                (fresh / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise BadInput(
            f"cannot write {names} to {folder}: {error.strerror}; the results are in the store, try another --out"
        ) from None
