"""An entry of a store: its key, its record, its files, and what is kept of work that failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from untrain.core.errors import BadInput, Crashed, FileChanged, OutOfMemory, RunFailed, StoreError, UntrainError, WorkerDied
from untrain.core.spec import digest

Array = np.ndarray[Any, Any]


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

    def array(self, name: str) -> Array:
        """An array of the entry, memory-mapped."""
        with _readable(self, f"{name}.npy") as file:
            return np.asanyarray(np.load(file, mmap_mode="r", allow_pickle=False))

    def tensors(self, name: str) -> dict[str, Array]:
        """Named arrays of a safetensors file of the entry."""
        with _readable(self, f"{name}.safetensors") as file:
            return load_file(file)


@dataclass(frozen=True, eq=False)
class Contents:
    """What an entry is made of: facts for JSON, arrays, and groups of named tensors."""

    record: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)
    tensors: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)


def key_of(ingredients: Mapping[str, Any]) -> str:
    """The key of an entry: a digest of its ingredients, but for the label, which is for people."""
    return digest({name: value for name, value in ingredients.items() if name != "label"})


def failure_of(error: Exception) -> Contents:
    """What is kept of work that failed.

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


@contextmanager
def _readable(entry: Entry, name: str) -> Iterator[Path]:
    """A file of an entry; one that is gone or damaged gives one line."""
    try:
        yield entry.folder / name
    except (OSError, ValueError, EOFError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise StoreError(
            f"{name} of entry {entry.key[:12]} is damaged ({reason}): remove {entry.folder}, it is made again"
        ) from None
