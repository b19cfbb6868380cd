"""Files that exist whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_write(file: Path) -> Iterator[Path]:
    """Give a path next to ``file`` to write to, with the same suffix; it replaces ``file`` when the block succeeds.

    When the block fails, ``file`` stays as it was, and no other file remains.
    """
    fresh = file.with_name(f".{os.getpid()}.{time.monotonic_ns()}.{file.name}")
    try:
        yield fresh
        fresh.replace(file)
    finally:
        with suppress(OSError):
            fresh.unlink()
