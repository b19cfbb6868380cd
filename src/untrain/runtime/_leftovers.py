"""What killed processes leave behind in a store."""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path


def abandoned(work: Path, age: float) -> bool:
    """Whether work in ``tmp/`` is older than ``age`` seconds and its process, which its name tells, is gone."""
    pid = re.fullmatch(r"[^.]+\.(\d+)\.\d+", work.name)
    try:
        if time.time() - work.stat().st_mtime <= age:
            return False
        if pid:
            os.kill(int(pid[1]), 0)  # asks only whether there is such a process
    except (FileNotFoundError, PermissionError):  # finished meanwhile; another user's
        return False
    except ProcessLookupError:
        return True
    return pid is None


def clear(left: Path) -> None:
    """Remove a file or a folder that another process may be removing too."""
    while left.exists():
        with suppress(FileNotFoundError):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
