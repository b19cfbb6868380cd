"""Files that exist whole or not at all, one by one or as a set."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from untrain.core.work_files import clear, hidden_name, sweep

READY = ".untrain.ready"  # a set that is whole, and whose files are on their way to their places


@contextmanager
def atomic_write(file: Path) -> Iterator[Path]:
    """Give a path next to ``file`` to write to, with the same suffix; it replaces ``file`` when the block succeeds.

    When the block fails, ``file`` stays as it was, and no other file remains. What a killed process left is removed by the next.
    """
    sweep(file.parent)
    fresh = file.with_name(hidden_name(file.name))
    try:
        yield fresh
        sync(fresh)
        fresh.replace(file)
        sync(file.parent)
    finally:
        with suppress(OSError):
            fresh.unlink()


@contextmanager
def atomic_set(folder: Path) -> Iterator[Path]:
    """Give a hidden folder within ``folder`` to write files to; all of them take their places when the block succeeds.

    When it fails or is killed, the files that were there stay as they were. One rename decides: a process that is killed after it
    leaves a set that ``finish_set``, or the next that writes, puts into place.
    """
    finish_set(folder)
    sweep(folder)
    fresh = folder / hidden_name("set")
    fresh.mkdir()
    try:
        yield fresh
        for file in fresh.iterdir():
            if (folder / file.name).is_dir():  # found out before anything is replaced
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(folder / file.name))
            sync(file)
        sync(fresh)
        _decide(fresh, folder / READY)
    finally:
        with suppress(OSError):
            clear(fresh)
    try:
        finish_set(folder)
    except BaseException:  # an interrupt between two files
        finish_set(folder)
        raise


def _decide(fresh: Path, ready: Path) -> None:
    while True:
        try:
            fresh.rename(ready)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            finish_set(ready.parent)  # of another process
        else:
            return


def finish_set(folder: Path) -> None:
    """Put the files of a set that is whole into their places, where a killed process did not."""
    ready = folder / READY
    if ready.is_symlink() or not ready.is_dir():
        return
    try:
        for file in sorted(ready.iterdir()):
            with suppress(FileNotFoundError):
                file.replace(folder / file.name)
        ready.rmdir()
        sync(folder)
    except OSError as error:
        # Another process is at it too: it removed the folder first, and may have put its own next set there, which it finishes.
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
            raise


def sync(path: Path) -> None:
    """Make sure that the disk has a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
