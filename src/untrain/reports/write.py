"""Writing results to a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from untrain.core.atomic_write import atomic_set
from untrain.core.environment import absolute
from untrain.core.errors import BadInput
from untrain.core.paths import user_path

Document = dict[str, Any]


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
