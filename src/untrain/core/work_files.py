"""Work that is not whole yet: named by who makes it, so that what a killed process left behind is known and removed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from untrain.core.errors import BadInput

HOUR = 3600.0  # seconds for which work of another machine, where process ids mean nothing here, counts as under way
_NAME = re.compile(r"\.?[^.]+\.([0-9a-f]{8})-(\d+)\.\d+(?:\..*)?", re.DOTALL)
_HIDDEN = ".untrain."
_SCRATCH = "untrain-"


def work_name(what: str) -> str:
    """Name work under way by what it is, by this machine and by this process.

    >>> is_abandoned(Path(work_name("model")), age=0)
    False
    """
    return f"{what}.{_machine()}-{os.getpid()}.{time.monotonic_ns()}"


@lru_cache(maxsize=1)
def _machine() -> str:
    """This machine since it was started, and within it the space of process ids, in which a container is alone."""
    facts = [socket.gethostname()]
    with suppress(OSError):
        facts += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    return hashlib.sha256(" ".join(facts).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def is_older(path: Path, age: float, made: float | None = None) -> bool:
    """Return whether something is older than so many seconds by its own time or by that of when it was ``made``.

    A clock may have been put back. What comes from the future counts as old as it is ahead, so that an age of 0 is true of all.
    """
    now = time.time()
    return any(abs(now - each) >= age for each in (path.lstat().st_mtime, made) if each is not None)


def is_abandoned(work: Path, age: float) -> bool:
    """Return whether the process that its name tells is gone; of work of another machine or without a name: whether it is older."""
    return not why_kept(work, age)


def why_kept(work: Path, age: float) -> str:
    """Return why work stays: its process lives, or no one can ask it and the work is younger than ``age``; empty where it may go.

    >>> why_kept(Path(work_name("model")), age=0) == f"process {os.getpid()} of this machine lives"
    True
    """
    named = _NAME.fullmatch(work.name)
    try:
        if named is None or named[1] != _machine():
            whose = "its name tells no process" if named is None else "it is of another machine or container"
            return "" if is_older(work, age) else f"{whose}, so only its age counts"
        os.kill(int(named[2]), 0)  # asks only whether there is such a process
    except (ProcessLookupError, OverflowError):
        return ""
    except FileNotFoundError:
        return "it was finished meanwhile"
    except OSError as error:  # another user's
        return f"cannot find out whether process {named[2] if named else ''} lives ({error.strerror})"
    return f"process {named[2]} of this machine lives"


def clear(left: Path) -> None:
    """Remove a file, a link or a folder, but nothing that a link leads to; another process may be removing it too.

    Raises:
        OSError: it cannot be removed.
    """
    while os.path.lexists(left):
        with suppress(FileNotFoundError):
            if left.is_symlink() or not left.is_dir():
                left.unlink()
                continue
            try:
                shutil.rmtree(left)
            except PermissionError:
                _open_up(left)
                shutil.rmtree(left)


def _open_up(folder: Path) -> None:
    """Let the owner of a folder remove what is in it."""
    folder.chmod(0o700)
    for at, names, _ in os.walk(folder):
        for name in names:
            if not os.path.islink(os.path.join(at, name)):
                os.chmod(os.path.join(at, name), 0o700)


def hidden_name(file: str) -> str:
    """Name for a file that is written beside its place; ``sweep`` knows it."""
    return f"{work_name('.untrain')}.{file}"


def sweep(folder: Path) -> None:
    """Remove what processes that were killed left of files which they wrote in a folder."""
    with suppress(OSError):
        for left in folder.iterdir():
            if left.name.startswith(_HIDDEN) and _NAME.fullmatch(left.name) and is_abandoned(left, HOUR):
                clear(left)


@contextmanager
def scratch(what: str, near: Path | None = None) -> Iterator[Path]:
    """A folder for work under way, which is removed in the end; one that a killed process left is removed by the next.

    Args:
        what: a word for its purpose.
        near: where it is made; None for the system's place of temporary files.

    Raises:
        BadInput: it cannot be made.
    """
    try:
        if near is None:
            for left in left_scratch():
                clear(left)
        place = Path(tempfile.gettempdir() if near is None else near).resolve()
        folder = place / work_name(what if near is not None else f"{_SCRATCH}{what}")
        folder.mkdir(mode=0o700)
    except OSError as error:
        where = "the place of temporary files" if near is None else str(near)
        cure = "make room there, or set TMPDIR" if near is None else "make room there"
        raise BadInput(f"cannot write to {where} ({error.strerror or error}): {cure}") from None
    try:
        yield folder
    finally:
        with suppress(OSError):
            clear(folder)


def left_scratch(age: float = HOUR) -> list[Path]:
    """Folders in the system's place of temporary files that killed processes of this user left."""
    return [path for path in own_scratch() if is_abandoned(path, age)]


def own_scratch() -> list[Path]:
    """Folders in the system's place of temporary files that processes of this user made for their work."""
    own = []
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*"):
            with suppress(FileNotFoundError):
                if not path.is_symlink() and path.lstat().st_uid == os.getuid() and _NAME.fullmatch(path.name):
                    own.append(path)
    return own
