"""Images that were decoded once and stay on disk."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from untrain.core.atomic_write import atomic_write
from untrain.core.errors import DataError
from untrain.data.examples import Examples
from untrain.data.on_disk import OnDisk, opened
from untrain.data.readers.array_cache import is_intact, write_inputs
from untrain.data.readers.convert import from_arrays
from untrain.data.readers.numpy_errors import DAMAGED

Array = np.ndarray[Any, Any]
Hold = Callable[[Iterator[Array], int], OnDisk]
COLUMN = "column "


def decode_once(folder: str, source: str, read: Callable[[Hold], Any]) -> Examples:
    """Examples whose images lie in a file of ``folder``; they are read from their source the first time alone.

    Beside the images lies a small file with their labels, ids and further columns; its name is the digest of ``source``.

    Args:
        folder: made where it is missing.
        source: all on which the images depend, in words.
        read: reads them, and has what it is given write them down.

    Raises:
        DataError: they cannot be read, or the folder cannot be written to.
    """
    where = Path(folder).expanduser()
    index = where / f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.npz"
    found = _found(index)
    if found is None:
        made = read(lambda pieces, n: write_inputs(((piece, np.zeros(len(piece))) for piece in pieces), where)[0])
        found = from_arrays(made.x, made.y, made.ids, made.classes, made.columns)
        _keep(index, found, made.x.path.name)
    return found


def _found(index: Path) -> Examples | None:
    """What was written before; None where it was not, or is gone or damaged."""
    try:
        with np.load(io.BytesIO(index.read_bytes()), allow_pickle=False) as held:
            columns = {name.removeprefix(COLUMN): held[name] for name in held.files if name.startswith(COLUMN)}
            images = opened(index.parent / str(held["images"]))
            found = from_arrays(images, held["y"], held["ids"], int(held["classes"]), columns)
            return found if is_intact(images) else None
    except (*DAMAGED, DataError):
        return None


def _keep(index: Path, examples: Examples, images: str) -> None:
    held: dict[str, Any] = {COLUMN + name: column for name, column in examples.columns.items()}
    held |= {"images": images, "y": examples.y.numpy(), "ids": examples.ids, "classes": examples.classes}
    try:
        with atomic_write(index) as fresh:
            np.savez(fresh, allow_pickle=False, **held)
    except OSError as error:
        raise DataError(f"cannot write to {index.parent}: {error.strerror}") from None
