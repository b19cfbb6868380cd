"""Writing results to a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
ATTRIBUTIONS = ("attribute.json", "attribute.csv", "attribute.html", "attribute.npz")
TRIALS = ("search.json", "search.csv")
LEADERBOARD = ("board.json", "leaderboard.html")


@dataclass(frozen=True)
class EarlierFiles:
    """Files that an earlier command wrote: what they are of, in words, the problems they are about, and how to make them again."""

    of: str
    problems: frozenset[str]
    again: str = ""


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
    out: str | Path | None, names: Sequence[str], problems: Iterable[str] | None = None, replace: bool = False,
    read: Callable[[Path], EarlierFiles | None] | None = None,
) -> str:  # fmt: skip
    """Say in a line which earlier files new ones would replace; empty where there are none.

    Args:
        out: the folder; None for none.
        names: of the files of the set.
        problems: what the new set is about, as ``problems_of`` gives it; None where that is not known yet.
        replace: whether files about another problem may be replaced.
        read: what the first of the files is of, or None where untrain did not write it; by default that of a document.

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
    earlier = (read or _of_document)(folder / names[0])
    if earlier is None:
        raise BadInput(f"{out} has files of this name that untrain did not write: {there[0]}; name another place with --out")
    text = f"{out} holds {names[0]} of {earlier.of}"
    if problems is not None and not replace and earlier.problems != set(problems):
        raise BadInput(f"{text}, which is another problem: name another place with --out, or give --replace")
    these = "these files are" if len(names) > 1 else "it is"
    return f"{text}: {these} replaced{earlier.again}"


def problems_of(document: Document) -> set[str]:
    """The subject of a set of files: the forget set of each run; a leaderboard's sizes and requests; else the scenario."""
    if "runs" in document:
        return {str(run.get("digest")) for run in document["runs"]}
    return {json.dumps(document["board"], sort_keys=True) if "board" in document else str(document["scenario"])}


def _of_document(file: Path) -> EarlierFiles | None:
    document = _document_in(file)
    if document is None:
        return None
    about = document.get("runs", [document])
    keys = [str(each["run"])[:12] for each in about if "run" in each]
    again = f"; from the same store `untrain report {' '.join(keys)} --out FOLDER` makes them again" if keys else ""
    scenarios = dict.fromkeys(str(each["scenario"]) for each in about)
    return EarlierFiles(", ".join(scenarios), frozenset(problems_of(document)), again)


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


def write_files(folder: Path, contents: Mapping[str, str | Callable[[Path], object]]) -> None:
    """Write files by name, all of them or none.

    Args:
        folder: made where it is not there.
        contents: of each file, a text or what writes it to a path.

    Raises:
        BadInput: they cannot be written; what was there stays as it was.
    """
    names = " and ".join(contents)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_set(folder) as fresh:
            for name, content in contents.items():
                if callable(content):
                    content(fresh / name)
                else:  # names of files may hold bytes of no encoding
                    (fresh / name).write_text(content, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise BadInput(
            f"cannot write {names} to {folder}: {error.strerror}; the results are in the store, try another --out"
        ) from None
