"""Runs and models on disk, by content: append-only, whole or not there, and a failure is a record too.

Layout of a store::

    STORE.json                 {"format": 1}
    ledger.sqlite              one row an entry, for listing; rebuilt from the entries when it is lost
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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from untrain.core.errors import StoreError
from untrain.core.spec import digest
from untrain.runtime._leftovers import abandoned, clear
from untrain.runtime.store_index import COLUMNS, Ledger, Row, row_of

HOME = Path("~/.untrain")
FORMAT = 1
_PARTS = ("objects", "locks", "tmp")


def folder_of(path: str | Path | None) -> Path:
    """Where a store is; without a path the one in the home folder."""
    return Path(HOME if path is None else path).expanduser()


def is_store(path: str | Path | None) -> bool:
    """Whether there is a store already."""
    return (folder_of(path) / "STORE.json").exists()


@dataclass(frozen=True)
class Entry:
    """A whole entry: its key, the folder of its files, and its record."""

    key: str
    folder: Path
    record: dict[str, Any]

    @property
    def final(self) -> bool:
        """Whether it stands; a failure that may be the machine's is tried again at the next start."""
        return not self.record.get("again")

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

    def __init__(self, path: str | Path | None = None):
        self.path = folder_of(path)
        self.ledger = Ledger(self.path / "ledger.sqlite")
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

        The key is made of ``ingredients``, but for a 'label'; ``record`` holds facts for JSON, ``arrays`` become .npy and
        ``tensors`` .safetensors.
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
            self.ledger.keep([row_of(whole)])
        except (OSError, SafetensorError) as error:
            raise _told(self.path, error) from None
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
            raise _told(self.path, error) from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                held = True
            except BlockingIOError:
                held = False
            except OSError as error:
                raise _told(self.path, error) from None
            yield held

    def entries(self) -> list[dict[str, Any]]:
        """All entries, oldest first, as rows of the ledger; those that it lacks are added, a damaged one is of kind 'damaged'."""
        found = {f.parent.name for f in self.path.glob("objects/*/*/record.json")}
        rows = self.ledger.listed(found)
        missing = [row for row in map(self._row, sorted(found - {row[0] for row in rows})) if row is not None]
        self.ledger.keep([row for row in missing if row[1] != "damaged"])
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
            raise _told(self.path, error) from None
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
            raise _told(self.path, error) from None
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
