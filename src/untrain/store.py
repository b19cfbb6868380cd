"""Runs and models on disk, by content: append-only, whole or not there, and a failure is a record too.

Layout of a store::

    STORE.json                 {"format": 1}
    ledger.sqlite              one row an entry, for listing; rebuilt from the entries when it is lost
    objects/ab/abcd.../        an entry: record.json and its files
    locks/                     empty files, held while an entry is made; they may stay
    tmp/                       work that is not whole yet

An entry is written in ``tmp/``, synced, and renamed into place: it is there whole or not at all. Its name is the
digest of its ingredients, so whoever comes second finds the work done.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from untrain.core.errors import StoreError
from untrain.core.spec import digest

FORMAT = 1
_PARTS = ("objects", "locks", "tmp")
_TABLE = "create table if not exists entries (key text primary key, kind text, label text, made real, seconds real, bytes integer)"
_NAMES = ("key", "kind", "label", "made", "seconds", "bytes")
Row = tuple[str, str | None, str | None, float, float | None, int]


@dataclass(frozen=True)
class Entry:
    """A whole entry: its key, the folder of its files, and its record."""

    key: str
    folder: Path
    record: dict[str, Any]

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """An array of the entry, memory-mapped."""
        with _whole(self, f"{name}.npy") as file:
            return np.asanyarray(np.load(file, mmap_mode="r", allow_pickle=False))

    def tensors(self, name: str) -> dict[str, np.ndarray[Any, Any]]:
        """Named arrays of a safetensors file of the entry."""
        with _whole(self, f"{name}.safetensors") as file:
            return load_file(file)


@contextmanager
def _whole(entry: Entry, name: str) -> Iterator[Path]:
    """A file of an entry; one that is gone or damaged is told in one line."""
    try:
        yield entry.folder / name
    except (OSError, ValueError, EOFError, SafetensorError) as error:
        told = " ".join(str(error).split())
        raise StoreError(f"{name} of entry {entry.key[:12]} is damaged ({told}): remove {entry.folder}, it is made again") from None


def key_of(ingredients: Mapping[str, Any]) -> str:
    """The key of an entry: a digest of its ingredients, but for the label, which is for people."""
    return digest({name: value for name, value in ingredients.items() if name != "label"})


class Store:
    """A folder of entries.

    Args:
        path: made when it is not there.

    Raises:
        StoreError: it is of another version, is no store, or cannot be written.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).expanduser()
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
            found = json.loads(marker.read_text()).get("format")
        except (json.JSONDecodeError, UnicodeDecodeError, AttributeError):
            raise StoreError(f"{marker} is damaged: it does not hold JSON with a format") from None
        except OSError as error:
            raise _told(self.path, error) from None
        if found != FORMAT:
            raise StoreError(
                f"{self.path} is a store of format {found!r}, this untrain reads format {FORMAT}: name another --store"
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

    def put(
        self,
        ingredients: Mapping[str, Any],
        record: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray[Any, Any]] | None = None,
        tensors: Mapping[str, Mapping[str, np.ndarray[Any, Any]]] | None = None,
    ) -> Entry:
        """Write an entry; an equal one that is there already stays and is returned.

        Args:
            ingredients: what the key is made of; has 'kind' and may have a 'label', which does not count.
            record: JSON-able facts.
            arrays: written as .npy.
            tensors: written as .safetensors.
        """
        key = key_of(ingredients)
        work = self.path / "tmp" / f"{key[:16]}.{os.getpid()}.{time.monotonic_ns()}"
        try:
            work.mkdir()
            for name, array in (arrays or {}).items():
                np.save(work / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
            for name, held in (tensors or {}).items():
                save_file({k: np.ascontiguousarray(v) for k, v in held.items()}, work / f"{name}.safetensors")
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
            self._keep([_row_of(whole)])
        except (OSError, SafetensorError) as error:
            raise _told(self.path, error) from None
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return self.get(key) or Entry(key, self._folder(key), whole)

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Hold the key: no other process works on it meanwhile. The system lets go when a process dies."""
        try:
            file = (self.path / "locks" / key[:32]).open("w")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise _told(self.path, error) from None
        with file:
            yield

    def entries(self) -> list[dict[str, Any]]:
        """All entries, oldest first, as rows of the ledger; those that it lacks are added, a damaged one is of kind 'damaged'."""
        found = {f.parent.name for f in self.path.glob("objects/*/*/record.json")}
        rows = self._listed(found)
        missing = [row for row in map(self._row, sorted(found - {row[0] for row in rows})) if row is not None]
        self._keep([row for row in missing if row[1] != "damaged"])
        return [dict(zip(_NAMES, row, strict=True)) for row in sorted([*rows, *missing], key=lambda row: (row[3], row[0]))]

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

    def prune(self, older_than: float = 0.0, kinds: tuple[str, ...] = ()) -> tuple[int, int]:
        """Remove entries made more than ``older_than`` seconds ago, of ``kinds`` where given, and left-over work.

        Returns:
            Number of entries and bytes removed.
        """
        rows = [r for r in self.entries() if time.time() - r["made"] >= older_than and (not kinds or r["kind"] in kinds)]
        removed = []
        try:
            for row in rows:
                # Moved away first, so that a reader never sees half an entry.
                gone = self.path / "tmp" / f"gone.{row['key'][:16]}.{os.getpid()}"
                try:
                    self._folder(row["key"]).rename(gone)
                except FileNotFoundError:  # another process prunes too
                    continue
                shutil.rmtree(gone)
                removed.append(row["bytes"])
            for left in (self.path / "tmp").iterdir():
                if time.time() - left.stat().st_mtime > max(older_than, 3600):
                    shutil.rmtree(left, ignore_errors=True)
        except OSError as error:
            raise _told(self.path, error) from None
        self.entries()
        return len(removed), sum(removed)

    def _folder(self, key: str) -> Path:
        return self.path / "objects" / key[:2] / key

    def _row(self, key: str) -> Row | None:
        """The row of an entry, from its record."""
        try:
            entry = self.get(key)
            return None if entry is None else _row_of(entry.record)
        except StoreError:
            return key, "damaged", None, (self._folder(key) / "record.json").stat().st_mtime, None, 0

    def _listed(self, found: set[str]) -> list[Row]:
        """The rows of the ledger, but for those of entries that are gone; none when it cannot be read."""
        try:
            with self._ledger() as ledger:
                rows: list[Row] = ledger.execute(f"select {', '.join(_NAMES)} from entries").fetchall()
                gone = [(row[0],) for row in rows if row[0] not in found]
                if gone:
                    ledger.executemany("delete from entries where key = ?", gone)
                    ledger.commit()
        except sqlite3.OperationalError:
            return []
        return [row for row in rows if row[0] in found]

    def _keep(self, rows: list[Row]) -> None:
        """Add rows to the ledger."""
        if not rows:
            return
        try:
            with self._ledger() as ledger:
                ledger.executemany("insert or replace into entries values (?, ?, ?, ?, ?, ?)", rows)
                ledger.commit()
        except sqlite3.OperationalError:
            # The ledger is an index: what it lacks is added when it is next read.
            return

    @contextmanager
    def _ledger(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path / "ledger.sqlite", timeout=30)) as ledger:
                ledger.execute(_TABLE)
                yield ledger
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise StoreError(f"{self.path / 'ledger.sqlite'} is damaged: remove it; it is rebuilt from the entries") from None


def _row_of(record: Mapping[str, Any]) -> Row:
    made, size = record["ingredients"], sum(f["bytes"] for f in record["files"].values())
    return record["key"], made.get("kind"), made.get("label"), record["made"], record.get("cost", {}).get("seconds"), size


def _told(path: Path, error: Exception) -> StoreError:
    # numpy and safetensors tell of a full disk in words of their own.
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
