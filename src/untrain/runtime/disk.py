"""Services of a disk for a store: locks, digests, and its failures in one line."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import Any

from untrain.core.errors import StoreError


def open_lock(path: Path) -> Any:
    """Open a file to lock it, made where it is not there; nothing in it is changed.

    Raises:
        OSError: it cannot be written, or is a link, or no file.
    """
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666), "r+b", buffering=0)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, f"{path.name} is not a plain file")
    return file


def store_error(path: Path, error: Exception) -> StoreError:
    """The meaning of a failure of the disk for the store at a path."""
    # numpy and safetensors report a full disk in words of their own.
    text = str(getattr(error, "strerror", None) or error)
    full = getattr(error, "errno", None) == errno.ENOSPC or re.search(r"No space left|requested and \d+ written", text)
    free = "is full" if full else f"cannot be used: {text}"
    return StoreError(f"the store {path} {free}; what was finished before is kept, name another place with --store")
