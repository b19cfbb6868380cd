"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_write(file: Path) -> Iterator[Path]:
    """A path beside ``file`` to write to, named with the same end: it takes the place of ``file`` when the block ends well.

    When the block fails, ``file`` is what it was, and nothing lies beside it.
    """
    fresh = file.with_name(f".{os.getpid()}.{time.monotonic_ns()}.{file.name}")
    try:
        yield fresh
        fresh.replace(file)
    finally:
        with suppress(OSError):
            fresh.unlink()
