"""Runs and models on disk, by content: append-only, whole or not there, and a failure is a record too.

Layout of a store::

    STORE.json                 {"format": 2}
    ledger.sqlite              one row per entry, for listing; rebuilt from the entries when it is lost
    objects/ab/abcd.../        an entry: record.json and its files
    locks/                     empty files, held while an entry is made; they may stay
    search/                    journals of searches
    tmp/                       work that is not whole yet

An entry is written in ``tmp/``, synced and renamed: it is there whole or not at all, under the digest of its ingredients. What is
read is compared with its digest first.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from untrain.core.atomic_write import sync
from untrain.core.errors import StoreError
from untrain.core.file_digests import file_digest
from untrain.core.paths import user_path
from untrain.core.work_files import clear, work_name
from untrain.runtime import upkeep
from untrain.runtime._integrity import open_regular
from untrain.runtime._layout import MARKER, open_folder
from untrain.runtime.disk import open_lock, store_error
from untrain.runtime.entry import Contents as Contents
from untrain.runtime.entry import Entry as Entry
from untrain.runtime.entry import damaged, failure_of
from untrain.runtime.record import FILE, KEY, RECORD, seal, unseal
from untrain.runtime.record import key_of as key_of
from untrain.runtime.store_index import COLUMNS, Row, StoreIndex, row_of

HOME = Path("~/.untrain")


def folder_of(path: str | Path | None) -> Path:
    """The folder of a store; without a path the one in the home folder."""
    return user_path(HOME if path is None else path)


def is_store(path: str | Path | None) -> bool:
    """Return whether there is a store already.

    Raises:
        StoreError: nobody may look there.
    """
    place = folder_of(path)
    try:
        return (place / MARKER).exists()
    except OSError as error:
        raise StoreError(f"{place} cannot be looked into: {error.strerror}: name another --store") from error


class Store:
    """A folder of entries.

    Args:
        path: made when it is not there.

    Raises:
        StoreError: it is of another version, is not a store, or cannot be written.
    """

    def __init__(self, path: str | Path | None = None):
        self.path: Path = folder_of(path)
        self.index = StoreIndex(self.path / "ledger.sqlite")
        open_folder(self.path)

    def get(self, key: str) -> Entry | None:
        """The entry, or None when it is not there.

        Raises:
            StoreError: it is damaged.
        """
        folder = self._folder(key)
        if not KEY.fullmatch(key):
            return None
        for last in (False, True):
            try:
                if folder.is_symlink():
                    raise ValueError("it is a link")
                with open_regular(folder / RECORD) as file:
                    return Entry(key, folder, unseal(file.read(), key))
            except FileNotFoundError:
                if not os.path.lexists(folder):
                    return None
                if last:  # the first time it may have come just now
                    raise self._damaged(key, "its record is gone") from None
            except (OSError, ValueError) as error:
                raise self._damaged(key, getattr(error, "strerror", None) or error) from None
        return None

    def _damaged(self, key: str, reason: object) -> StoreError:
        return damaged(f"entry {key[:12]} of {self.path}", reason)

    def has(self, key: str) -> bool:
        """Return whether an entry is there and stands; a failure that may be the machine's does not count."""
        entry = self.get(key)
        return entry is not None and entry.final

    def tensors(self, key: str, name: str) -> dict[str, np.ndarray[Any, Any]]:
        """Named arrays of an entry, which is not pruned between being found and being read.

        Raises:
            StoreError: it is not there, or damaged.
        """
        with self.alone(key):
            entry = self.get(key)
            if entry is None:
                raise StoreError(f"model {key[:12]} is no longer in {self.path}: run the same command again")
            return entry.tensors(name)

    def get_or_make(self, ingredients: Mapping[str, Any], work: Callable[[], Contents], keep_failures: bool = False) -> Entry:
        """The entry of some ingredients; where it is not there, ``work`` makes it, and nobody else does meanwhile.

        Args:
            ingredients: all that the entry depends on, with a 'label' for people.
            work: gives what the entry keeps.
            keep_failures: whether an error of the work becomes an entry too, with the record's 'error'. One that may be the
                machine's failure has 'again': it is tried again the next time. Errors of the store, of memory and of files
                are raised always.
        """
        key = key_of(ingredients)
        entry = self.get(key)
        if entry is not None and entry.final:
            return entry
        with self.alone(key):
            entry = self.get(key)
            if entry is not None and entry.final:
                return entry
            if entry is not None:
                self.discard(key)
            try:
                contents = work()
            except Exception as error:
                if not keep_failures:
                    raise
                contents = failure_of(error)
            return self.put(ingredients, contents.record, contents.arrays, contents.tensors)

    def put(
        self,
        ingredients: Mapping[str, Any],
        record: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray[Any, Any]] | None = None,
        tensors: Mapping[str, Mapping[str, np.ndarray[Any, Any]]] | None = None,
    ) -> Entry:
        """Write an entry; an equal one that is there already stays and is returned.

        The key is made of ``ingredients``, but for a 'label'; ``record`` holds facts for JSON, ``arrays`` become .npy and
        ``tensors`` .safetensors.
        """
        key = key_of(ingredients)
        names = [*(f"{n}.npy" for n in arrays or {}), *(f"{n}.safetensors" for n in tensors or {})]
        strange = [name for name in names if not FILE.fullmatch(name)]
        if strange:
            raise StoreError(f"{strange[0]!r} is not a name for a file of an entry: take letters, digits, '_', '-' and '.'")
        work, folder = self.path / "tmp" / work_name(key[:16]), self._folder(key)
        try:
            work.mkdir()
            for name, array in (arrays or {}).items():
                np.save(work / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
            for name, group in (tensors or {}).items():
                # Not np.ascontiguousarray, which makes a row of a single number.
                save_file({k: np.asarray(v, order="C") for k, v in group.items()}, work / f"{name}.safetensors")
            files = {f.name: {"bytes": f.stat().st_size, "sha256": file_digest(f)} for f in sorted(work.iterdir())}
            whole = {"key": key, "made": time.time(), "ingredients": dict(ingredients), "files": files, **record}
            (work / RECORD).write_bytes(seal(whole))
            for file in (*work.iterdir(), work):
                sync(file)
            self._place(work, folder)
            self.index.add([row_of(whole)])
        except (OSError, SafetensorError) as error:
            raise store_error(self.path, error) from None
        finally:
            with suppress(OSError):
                clear(work)
        return self.get(key) or Entry(key, folder, whole)

    def _place(self, work: Path, folder: Path) -> None:
        """Give an entry its name, and have the disk know it."""
        shelf = folder.parent
        if shelf.is_symlink():
            raise self._damaged(folder.name, f"{shelf.name} is a link")
        if not shelf.is_dir():
            shelf.mkdir(exist_ok=True)
            sync(shelf.parent)
        try:
            work.rename(folder)
        except OSError:
            if self.get(folder.name) is None:  # which raises where what is there is not whole
                raise
        sync(shelf)

    @contextmanager
    def alone(self, key: str, wait: bool = True) -> Iterator[bool]:
        """Hold the key: no other process works on it meanwhile. The system lets go when a process dies.

        Args:
            key: of an entry that may not be there yet.
            wait: whether to wait for who holds it; if not, False is yielded instead of True.
        """
        try:
            file = open_lock(self.path / "locks" / key[:32])
        except OSError as error:
            raise store_error(self.path, error) from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                alone = True
            except BlockingIOError:
                alone = False
            except OSError as error:
                raise store_error(self.path, error) from None
            yield alone

    @contextmanager
    def noting(self, folder: Path) -> Iterator[None]:
        """Note in the store in which folder outside of it files are written, so that ``prune`` finds what a killed process left."""
        note = self.path / "tmp" / work_name(upkeep.OUTSIDE)
        with suppress(OSError):  # a store that can only be read can be reported from all the same
            note.write_bytes(os.fsencode(folder.absolute()))
        try:
            yield
        finally:
            with suppress(OSError):
                note.unlink()

    def entries(self) -> list[dict[str, Any]]:
        """All entries, oldest first, as rows of the index; those that it lacks are added.

        Anything but a whole entry has a row too, of kind 'damaged', under its key or the path within the store.
        """
        found = upkeep.scan(self.path)
        rows = self.index.read({key for key in found.keys if upkeep.seems_whole(self._folder(key))})
        lacking = sorted(set(found.keys) - {row[0] for row in rows})
        missing = [row for row in map(self.row, lacking) if row is not None]
        self.index.add([row for row in missing if row[1] != upkeep.DAMAGED])
        strays = [upkeep.damaged_row(path, path.relative_to(self.path).as_posix()) for path in found.strays]
        whole = sorted([*rows, *missing, *strays], key=lambda row: (row[3], row[0]))
        return [dict(zip(COLUMNS, row, strict=True)) for row in whole]

    def row(self, key: str) -> Row | None:
        """The row of an entry, from its record; None where it is gone."""
        try:
            entry = self.get(key)
            return None if entry is None else row_of(entry.record)
        except StoreError:
            with suppress(FileNotFoundError):
                return upkeep.damaged_row(self._folder(key), key)
            return None

    def verify(self) -> list[str]:
        """Read all; names of what is not what was written: keys, and paths within the store of what is not an entry."""
        return upkeep.verify(self)

    def discard(self, key: str) -> bool:
        """Remove an entry; whether it was there. It is moved away first, so that a reader never sees half of it."""
        try:
            return upkeep.remove(self.path, self._folder(key))
        except OSError as error:
            raise store_error(self.path, error) from None

    def prune(self, older_than: float = 0.0, kinds: tuple[str, ...] = (), also: Iterable[str] = ()) -> tuple[int, int]:
        """Remove entries made more than ``older_than`` seconds ago by any clock, of ``kinds`` where given, and left-over work.

        What comes from the future is as old as it is ahead. An entry that a process holds stays, and so does work of a process
        that lives; work of another machine that does not answer goes by its age too. What is damaged goes, whatever its
        age, and so does what an earlier prune moved away.

        Args:
            older_than: seconds; 0 removes everything.
            kinds: of entries; empty for all.
            also: names that ``verify`` gave, of what is removed besides.

        Returns:
            Number of entries and bytes removed.

        Raises:
            StoreError: something could not be removed; all else was.
        """
        return upkeep.prune(self, older_than, kinds, frozenset(also))

    def _folder(self, key: str) -> Path:
        return self.path / "objects" / key[:2] / key
