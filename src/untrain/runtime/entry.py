"""An entry of a store: its record, its files, and what is kept of work that failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from untrain.core.errors import (
    BadInput,
    Crashed,
    FileChanged,
    OutOfMemory,
    RunFailed,
    StoreError,
    UntrainError,
    WorkerDied,
)
from untrain.runtime._integrity import compare

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Entry:
    """A whole entry: its key, the folder of its files, and its record."""

    key: str
    folder: Path
    record: dict[str, Any]

    @property
    def final(self) -> bool:
        """Return whether it stands; a failure that may be the machine's is tried again at the next start."""
        return not self.record.get("again")

    def array(self, name: str) -> Array:
        """An array of the entry, memory-mapped.

        Raises:
            StoreError: it is not there, or not what was written.
        """
        with _readable(self, f"{name}.npy") as file:
            return np.asanyarray(np.load(file, mmap_mode="r", allow_pickle=False))

    def tensors(self, name: str) -> dict[str, Array]:
        """Named arrays of a safetensors file of the entry.

        Raises:
            StoreError: it is not there, or not what was written.
        """
        with _readable(self, f"{name}.safetensors") as file:
            return load_file(file)

    def read(self, name: str) -> bytes:
        """A file of the entry, such as 'logits.npy', as it was written.

        Raises:
            StoreError: it is not there, or not what was written.
        """
        with _readable(self, name) as file:
            return file.read_bytes()


@dataclass(frozen=True, eq=False)
class Contents:
    """Parts of an entry: facts for JSON, arrays, and groups of named tensors."""

    record: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)
    tensors: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)


def failure_of(error: Exception) -> Contents:
    """The record of work that failed.

    Raises:
        Exception: the error itself, where it is the machine's or the store's and not the work's.
    """
    if isinstance(error, StoreError | FileChanged | MemoryError | OSError):
        raise error
    if isinstance(error, OutOfMemory | Crashed | WorkerDied):  # elsewhere, or when less else is done here, it may succeed
        return Contents({"error": str(error), "again": True, "cost": {}})
    if isinstance(error, RunFailed | BadInput):  # the same ingredients would fail again: the failure is the result
        return Contents({"error": str(error), "cost": {}})
    if isinstance(error, UntrainError):
        raise error
    # It may be the machine's failure or lie in code that the key does not see: the next start tries again.
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return Contents({"error": text, "again": True, "cost": {}})


def damaged(what: str, reason: object) -> StoreError:
    """The error of what lies in a store and is not whole."""
    words = " ".join(str(reason).split())[:200]
    return StoreError(
        f"{what} is damaged ({words}): `untrain store --verify --prune` removes it, then the same command makes it again"
    )


@contextmanager
def _readable(entry: Entry, name: str) -> Iterator[Path]:
    """A file of an entry that is what was written; one that is gone or damaged gives one line."""
    try:
        if name not in entry.record["files"]:
            raise ValueError("the entry has no such file")
        file = entry.folder / name
        compare(file, entry.record["files"][name])
        yield file
    except MemoryError:
        raise
    except Exception as error:  # numpy and safetensors trust what they read, and let errors of many others through
        reason = getattr(error, "strerror", None) or error
        raise damaged(f"{name} of entry {entry.key[:12]} in {entry.folder.parents[2]}", reason) from None
