"""What a process does to files, counted and stopped: an audit hook sees each before it happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.utime", "os.chmod",
    "shutil.rmtree",
    "shutil.copyfile", "shutil.move", "sqlite3.connect",
}  # fmt: skip


def watch(folders: tuple[Path, ...], before: Callable[[int], None]) -> None:
    """Call ``before`` with 0, 1, ... before each operation that changes files in some folders; it cannot be undone."""
    inside = tuple(str(f) for f in folders)
    count, busy = 0, False

    def told() -> None:
        nonlocal count, busy
        if not busy:
            busy, number, count = True, count, count + 1
            try:
                before(number)
            finally:
                busy = False

    def hook(event: str, given: tuple[Any, ...]) -> None:
        writes = event in CHANGES or (event == "open" and isinstance(given[2], int) and given[2] & WRITES)
        if writes and any(isinstance(path, str | Path) and str(path).startswith(inside) for path in given[:2]):
            told()

    sync = os.fsync

    def synced(handle: int) -> None:
        told()
        sync(handle)

    os.fsync = synced
    sys.addaudithook(hook)
