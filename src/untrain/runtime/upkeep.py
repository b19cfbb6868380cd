"""Contents of the folder of a store, whole or not: found, compared with what was written, and removed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from untrain.core.errors import StoreError
from untrain.core.work_files import clear, is_abandoned, is_older, left_scratch, own_scratch, sweep, why_kept, work_name
from untrain.runtime._integrity import compare
from untrain.runtime._layout import LATER, PARTS
from untrain.runtime.entry import Entry
from untrain.runtime.record import KEY, RECORD
from untrain.runtime.store_index import Row

DAMAGED = "damaged"
GONE = "gone-"
OUTSIDE = "outside"
OWN = re.compile(rf"STORE\.json|ledger\.sqlite(-journal|-wal|-shm)?|{'|'.join((*PARTS, *LATER))}")


class StoreLike(Protocol):
    """The parts of a store that upkeep needs."""

    @property
    def path(self) -> Path:
        """Its folder."""

    def get(self, key: str) -> Entry | None:
        """An entry, or None; one that is damaged raises."""

    def row(self, key: str) -> Row | None:
        """The row of an entry or of what is none, or None."""

    def alone(self, key: str, wait: bool = True) -> AbstractContextManager[bool]:
        """Hold a key."""

    def entries(self) -> list[dict[str, Any]]:
        """All rows; the index is renewed."""


@dataclass(frozen=True)
class Found:
    """Files among the entries: keys of those that may be one, and paths of the others."""

    keys: tuple[str, ...]
    strays: tuple[Path, ...]


def scan(path: Path) -> Found:
    """List the files among the entries of the store at a path; nothing is read."""
    keys, strays = list[str](), list[Path]()
    for shelf in _within(path / "objects"):
        if not re.fullmatch(r"[0-9a-f]{2}", shelf.name) or shelf.is_symlink() or not shelf.is_dir():
            strays.append(shelf)
            continue
        for folder in _within(shelf):
            proper = KEY.fullmatch(folder.name) and folder.name.startswith(shelf.name)
            (keys if proper else strays).append(folder.name if proper else folder)  # type: ignore[arg-type]
    return Found(tuple(keys), tuple(strays))


def _within(folder: Path) -> list[Path]:
    """List a folder; empty where it is not one, or is a link, behind which nothing is a store's."""
    try:
        return [] if folder.is_symlink() else sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def seems_whole(folder: Path) -> bool:
    """Return whether an entry has a record, which is not read."""
    try:
        return stat.S_ISDIR(folder.lstat().st_mode) and stat.S_ISREG((folder / RECORD).lstat().st_mode)
    except OSError:
        return False


def damaged_row(path: Path, name: str) -> Row:
    """The row of an entry that is not whole."""
    return name, DAMAGED, None, path.lstat().st_mtime, None, size_of(path)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder; links count as themselves."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    total = 0
    for at, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(at, name)).st_size
    return total


def verify(store: StoreLike) -> list[str]:
    """Names of what is not what was written: keys of entries, and paths within the store of what is not an entry."""
    found = scan(store.path)
    bad = [key for key in found.keys if not _is_whole(store, key)]
    return bad + [path.relative_to(store.path).as_posix() for path in found.strays]


def _is_whole(store: StoreLike, key: str) -> bool:
    try:
        entry = store.get(key)
        if entry is None:  # pruned meanwhile
            return True
        for name, about in entry.record["files"].items():
            compare(entry.folder / name, about, again=True)
        return {f.name for f in entry.folder.iterdir()} == {RECORD, *entry.record["files"]}
    except (StoreError, OSError, ValueError):
        return not os.path.lexists(store.path / "objects" / key[:2] / key)


def left_work(store: StoreLike, age: float = float("inf")) -> list[Path]:
    """Work that killed processes of this machine left, and other work older than ``age``: in the store, and outside of it."""
    within = [left for left in _within(store.path / "tmp") if left.name.startswith(GONE) or is_abandoned(left, age)]
    return within + [lock for lock in _strange_locks(store) if not _is_file(lock) or is_older(lock, age)] + left_scratch(age)


def staying(store: StoreLike) -> dict[Path, str]:
    """List leftovers where processes work, which stay, or go by their age alone, each with why it stays."""
    work = [left for left in _within(store.path / "tmp") if not left.name.startswith(GONE)] + own_scratch()
    whys = {left: why_kept(left, float("inf")) for left in work}
    whys |= {lock: "it is not a lock, so only its age counts" for lock in _strange_locks(store) if _is_file(lock)}
    if _is_at_work(store):
        whys |= dict.fromkeys(_within(store.path / "search"), "somebody works in the store")
    return {left: why for left, why in whys.items() if why}


def _strange_locks(store: StoreLike) -> list[Path]:
    """List what is not a lock among the locks: a link or a folder, which stands in the way, or a file with something in it."""
    strange = []
    for lock in _within(store.path / "locks"):
        with suppress(FileNotFoundError):
            if not _is_file(lock) or lock.lstat().st_size:
                strange.append(lock)
    return strange


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def beside(store: StoreLike) -> list[Path]:
    """List what does not belong in the folder of a store."""
    return [path for path in _within(store.path) if not OWN.fullmatch(path.name)]


def remove(store: Path, what: Path) -> bool:
    """Move something away, then remove it; whether it was there.

    Raises:
        OSError: it cannot be removed.
    """
    gone = store / "tmp" / work_name(f"{GONE}{what.name[:16].replace('.', '-')}")
    try:
        if not what.is_symlink():
            with suppress(PermissionError):
                what.chmod(what.stat().st_mode | stat.S_IRWXU)
        what.rename(gone)
        clear(gone)
    except FileNotFoundError:  # another process was first
        return False
    return True


def prune(store: StoreLike, older_than: float, kinds: tuple[str, ...], also: frozenset[str]) -> tuple[int, int]:
    """Remove what is older than so many seconds, or damaged, or left behind; number of entries and bytes."""
    removed, failures = list[int](), list[str]()

    def attempt(what: Path, size: int | None = None) -> None:
        try:
            if size is None:
                clear(what)
            elif remove(store.path, what):
                removed.append(size)
        except OSError as error:
            failures.append(f"{what} ({error.strerror or error})")

    for left in left_work(store, older_than):
        _sweep_noted(left)
        attempt(left)
    found = scan(store.path)
    for key in found.keys:
        row = store.row(key)
        if row is None or not _goes(row, older_than, kinds, also, store.path / "objects" / key[:2] / key):
            continue
        with ExitStack() as stack:
            try:
                free = stack.enter_context(store.alone(key, wait=False))
            except StoreError as error:
                failures.append(str(error))
                continue
            if free:
                attempt(store.path / "objects" / key[:2] / key, row[5])
    for path in found.strays if not kinds or DAMAGED in kinds else ():
        with suppress(FileNotFoundError):
            attempt(path, size_of(path))
    for journal in _journals(store, older_than) if not kinds else ():
        attempt(journal)
    store.entries()
    if failures:
        raise StoreError(f"{len(failures)} of what was to go could not be removed, such as {failures[0]}; all else was")
    return len(removed), sum(removed)


def _goes(row: Row, older_than: float, kinds: tuple[str, ...], also: frozenset[str], folder: Path) -> bool:
    key, kind, _, made, *_ = row
    if key in also:
        return True
    if kinds and kind not in kinds:
        return False
    try:
        return kind == DAMAGED or is_older(folder, older_than, made)
    except FileNotFoundError:
        return False


def _journals(store: StoreLike, older_than: float) -> Iterator[Path]:
    """Journals of searches, unless somebody works in the store: a search under way has marked it."""
    if _is_at_work(store):
        return
    for path in _within(store.path / "search"):
        with suppress(FileNotFoundError):
            if is_older(path, older_than):
                yield path


def _is_at_work(store: StoreLike) -> bool:
    return any(left.name.startswith("mark.") for left in _within(store.path / "tmp"))


def _sweep_noted(left: Path) -> None:
    """Remove the hidden files that a killed process left in the folder of which it had made a note."""
    if left.name.startswith(f"{OUTSIDE}.") and not left.is_symlink() and left.is_file():
        with suppress(OSError, ValueError):
            sweep(Path(os.fsdecode(left.read_bytes())))
