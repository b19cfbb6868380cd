"""Files of entries are what was written: each is compared with its digest when a process first reads it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

_MOMENT = 0.1  # seconds within which a file system may give two changes of a file the same time
_compared: dict[tuple[int, int], tuple[int, int, int, str]] = {}


def open_regular(file: Path) -> BufferedReader:
    """Open a file to read it, unless it is a link or no file: what lies in a store is in the store.

    Raises:
        OSError: it is not there, or is something else.
    """
    if not stat.S_ISREG(file.lstat().st_mode):  # to open a pipe would wait for its writer
        raise OSError(errno.EINVAL, "it is not a plain file")
    return os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def compare(file: Path, about: Mapping[str, Any], again: bool = False) -> None:
    """Compare a file with its size and digest, unless this process did and the file has not changed since.

    Args:
        file: of an entry.
        about: its 'bytes' and 'sha256', as the entry's record has them.
        again: whether to read it anyway.

    Raises:
        ValueError: it is not what was written.
        OSError: it cannot be read.
    """
    with open_regular(file) as opened:
        found = os.fstat(opened.fileno())
        if found.st_size != about["bytes"]:
            raise ValueError(f"it has {found.st_size:,} bytes, and {about['bytes']:,} were written")
        place, state = (found.st_dev, found.st_ino), (found.st_size, found.st_mtime_ns, found.st_ctime_ns, about["sha256"])
        if not again and _compared.get(place) == state:
            return
        if hashlib.file_digest(opened, "sha256").hexdigest() != about["sha256"]:
            raise ValueError("it is not what was written")
    if abs(time.time() - max(found.st_mtime, found.st_ctime)) > _MOMENT:
        _compared[place] = state
