"""Runs and models on disk, by content: append-only, whole or not there, and a failure is a record too.

Layout of a store::

    STORE.json                 {"format": 1}
    ledger.sqlite              one row per entry, for listing; rebuilt from the entries when it is lost
    objects/ab/abcd.../        an entry: record.json and its files
    locks/                     empty files, held while an entry is made; they may stay
    tmp/                       work that is not whole yet

An entry is written in ``tmp/``, synced and renamed: it is there whole or not at all, under the digest of its ingredients.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from untrain.core.errors import StoreError
from untrain.core.paths import user_path
from untrain.runtime._leftovers import abandoned, clear
from untrain.runtime.entry import Contents as Contents
from untrain.runtime.entry import Entry as Entry
from untrain.runtime.entry import failure_of
from untrain.runtime.entry import key_of as key_of
from untrain.runtime.store_index import COLUMNS, Row, StoreIndex, row_of

HOME = Path("~/.untrain")
FORMAT = 1
_PARTS = ("objects", "locks", "tmp")


def folder_of(path: str | Path | None) -> Path:
    """Where a store is; without a path the one in the home folder."""
    return user_path(HOME if path is None else path)


def is_store(path: str | Path | None) -> bool:
    """Whether there is a store already."""
    return (folder_of(path) / "STORE.json").exists()


class Store:
    """A folder of entries.

    Args:
        path: made when it is not there.

    Raises:
        StoreError: it is of another version, is not a store, or cannot be written.
    """

    def __init__(self, path: str | Path | None = None):
        self.path = folder_of(path)
        self.index = StoreIndex(self.path / "ledger.sqlite")
        marker = self.path / "STORE.json"
        try:
            if not marker.exists():
                # Folders of ours without a marker are left by a process that was killed here, or is at it now.
                strange = self.path.exists() and (not self.path.is_dir() or any(f.name not in _PARTS for f in self.path.iterdir()))
                if strange and not marker.exists():
                    raise StoreError(f"{self.path} is not an untrain store and not empty: name another --store")
                for part in _PARTS:
                    (self.path / part).mkdir(parents=True, exist_ok=True)
                fresh = self.path / "tmp" / f"STORE.{os.getpid()}.{time.monotonic_ns()}"
                fresh.write_text(json.dumps({"format": FORMAT}))
                fresh.replace(marker)
            version = json.loads(marker.read_text()).get("format")
        except (json.JSONDecodeError, UnicodeDecodeError, AttributeError):
            raise StoreError(f"{marker} is damaged: it does not hold JSON with a format") from None
        except OSError as error:
            raise _store_error(self.path, error) from None
        if version != FORMAT:
            raise StoreError(
                f"{self.path} is a store of format {version!r}, this untrain reads format {FORMAT}: name another --store"
            )

    def get(self, key: str) -> Entry | None:
        """The entry, or None when it is not there."""
        folder = self._folder(key)
        try:
            record = json.loads((folder / "record.json").read_text())
            if record["key"] != key or not {"made", "ingredients", "files"} <= record.keys():
                raise ValueError("its record is of something else")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"entry {key[:12]} of {self.path} is damaged ({error}): remove {folder}") from None
        return Entry(key, folder, record)

    def has(self, key: str) -> bool:
        """Whether an entry is there and stands; a failure that may be the machine's does not count."""
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
        work = self.path / "tmp" / f"{key[:16]}.{os.getpid()}.{time.monotonic_ns()}"
        try:
            work.mkdir()
            for name, array in (arrays or {}).items():
                np.save(work / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
            for name, group in (tensors or {}).items():
                # Not np.ascontiguousarray, which makes a row of a single number.
                save_file({k: np.asarray(v, order="C") for k, v in group.items()}, work / f"{name}.safetensors")
            files = {f.name: {"bytes": f.stat().st_size, "sha256": _sha(f)} for f in sorted(work.iterdir())}
            whole = {"key": key, "made": time.time(), "ingredients": dict(ingredients), "files": files, **record}
            (work / "record.json").write_text(json.dumps(whole, allow_nan=False))
            _sync(work)
            self._folder(key).parent.mkdir(parents=True, exist_ok=True)
            try:
                work.rename(self._folder(key))
            except OSError:
                if not (self._folder(key) / "record.json").exists():
                    raise
            self.index.add([row_of(whole)])
        except (OSError, SafetensorError) as error:
            raise _store_error(self.path, error) from None
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return self.get(key) or Entry(key, self._folder(key), whole)

    @contextmanager
    def alone(self, key: str, wait: bool = True) -> Iterator[bool]:
        """Hold the key: no other process works on it meanwhile. The system lets go when a process dies.

        Args:
            key: of an entry that may not be there yet.
            wait: whether to wait for who holds it; if not, False is yielded in the place of True.
        """
        try:
            file = (self.path / "locks" / key[:32]).open("w")
        except OSError as error:
            raise _store_error(self.path, error) from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                alone = True
            except BlockingIOError:
                alone = False
            except OSError as error:
                raise _store_error(self.path, error) from None
            yield alone

    def entries(self) -> list[dict[str, Any]]:
        """All entries, oldest first, as rows of the index; those that it lacks are added, a damaged one is of kind 'damaged'."""
        keys = {f.parent.name for f in self.path.glob("objects/*/*/record.json")}
        rows = self.index.read(keys)
        missing = [row for row in map(self._row, sorted(keys - {row[0] for row in rows})) if row is not None]
        self.index.add([row for row in missing if row[1] != "damaged"])
        return [dict(zip(COLUMNS, row, strict=True)) for row in sorted([*rows, *missing], key=lambda row: (row[3], row[0]))]

    def verify(self) -> list[str]:
        """Keys of entries whose files are not what was written."""
        bad = []
        for file in sorted(self.path.glob("objects/*/*/record.json")):
            try:
                entry = self.get(file.parent.name)
                good = entry is None or all(_sha(entry.folder / n) == f["sha256"] for n, f in entry.record["files"].items())
            except (StoreError, OSError):
                good = False
            bad += [] if good else [file.parent.name]
        return bad

    def discard(self, key: str) -> bool:
        """Remove an entry; whether it was there. It is moved away first, so that a reader never sees half of it."""
        gone = self.path / "tmp" / f"gone.{key[:16]}.{os.getpid()}.{time.monotonic_ns()}"
        try:
            self._folder(key).rename(gone)
            clear(gone)
        except FileNotFoundError:  # another process was first
            return False
        except OSError as error:
            raise _store_error(self.path, error) from None
        return True

    def prune(self, older_than: float = 0.0, kinds: tuple[str, ...] = ()) -> tuple[int, int]:
        """Remove entries made more than ``older_than`` seconds ago, of ``kinds`` where given, and left-over work.

        An entry that a process holds stays. What an earlier prune moved away and did not remove goes, whatever its age.

        Returns:
            Number of entries and bytes removed.
        """
        removed = []
        try:
            for left in (self.path / "tmp").iterdir():
                if left.name.startswith("gone.") or abandoned(left, max(older_than, 3600)):
                    clear(left)
        except OSError as error:
            raise _store_error(self.path, error) from None
        for row in self.entries():
            if time.time() - row["made"] >= older_than and (not kinds or row["kind"] in kinds):
                with self.alone(row["key"], wait=False) as free:
                    if free and self.discard(row["key"]):
                        removed.append(row["bytes"])
        self.entries()
        return len(removed), sum(removed)

    def _folder(self, key: str) -> Path:
        return self.path / "objects" / key[:2] / key

    def _row(self, key: str) -> Row | None:
        """The row of an entry, from its record."""
        try:
            entry = self.get(key)
            return None if entry is None else row_of(entry.record)
        except StoreError:
            with suppress(FileNotFoundError):
                return key, "damaged", None, (self._folder(key) / "record.json").stat().st_mtime, None, 0
            return None


def _store_error(path: Path, error: Exception) -> StoreError:
    # numpy and safetensors report a full disk in words of their own.
    text = str(getattr(error, "strerror", None) or error)
    full = getattr(error, "errno", None) == errno.ENOSPC or re.search(r"No space left|requested and \d+ written", text)
    free = "is full" if full else f"cannot be used: {text}"
    return StoreError(f"the store {path} {free}; what was finished before is kept, name another place with --store")


def _sha(file: Path) -> str:
    with file.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    """Make sure that the disk has what was written before it gets its name."""
    for file in (*folder.iterdir(), folder):
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
