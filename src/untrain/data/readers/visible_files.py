"""The files of a folder that its user put there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from untrain.core.metering import add_note

# Folders that systems put beside a user's files: unpacked archives of macOS, thumbnails of a Synology, waste bins.
LITTER = frozenset({"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found"})


def is_hidden(file: Path, folder: Path) -> bool:
    """Return whether a file of a folder is hidden or lies in a folder that is, as editors and systems leave them behind.

    >>> is_hidden(Path("a/.ipynb_checkpoints/m.npy"), Path("a")), is_hidden(Path(".a/m.npy"), Path(".a"))
    (True, False)
    """
    return any(part.startswith(".") or part in LITTER for part in file.relative_to(folder).parts)


def visible(files: Iterable[Path], folder: Path) -> list[Path]:
    """Return those files of a folder that are not hidden; a note counts the others."""
    listed = list(files)
    shown = [file for file in listed if not is_hidden(file, folder)]
    hidden = sorted(set(listed) - set(shown))
    if hidden:
        example = hidden[0].relative_to(folder).as_posix()
        add_note(f"{len(hidden)} hidden files of {folder} are left out, such as {example!r}")
    return shown
