"""Images decoded once, which stay on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from untrain.core.atomic_write import atomic_write
from untrain.core.errors import DataError
from untrain.core.paths import user_path
from untrain.data.examples import Examples
from untrain.data.on_disk import OnDisk, open_npy
from untrain.data.readers.array_cache import is_intact, write_inputs
from untrain.data.readers.convert import from_arrays
from untrain.data.readers.damage import reading
from untrain.data.readers.numpy_files import read_numpy

Array = np.ndarray[Any, Any]
Hold = Callable[[Iterator[Array], int], OnDisk]
COLUMN, CELLS = "column ", "cells of "


def decode_once(folder: str, source: str, read: Callable[[Hold], Any]) -> Examples:
    """Examples whose images lie in a file of ``folder``; they are read from their source the first time alone.

    Besides the images there is a small file with their labels, ids, owners and further columns; its name is the digest of
    ``source``.

    Args:
        folder: made if it is missing.
        source: all on which the images depend, in words.
        read: reads them; the function that it takes writes them to disk.

    Raises:
        DataError: they cannot be read, or the folder cannot be written to.
    """
    where = user_path(folder)
    index = where / f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.npz"
    examples = _kept(index)
    if examples is None:
        arrays = read(lambda pieces, n: write_inputs(((piece, np.zeros(len(piece))) for piece in pieces), where)[0])
        examples = from_arrays(arrays.x, arrays.y, arrays.ids, arrays.classes, arrays.columns, arrays.owner)
        _keep(index, examples, arrays.x.path.name)
    return examples


def _kept(index: Path) -> Examples | None:
    """Examples written before; None if there are none, or they are gone or damaged."""
    with suppress(DataError), reading(str(index)):
        file = read_numpy(index)
        if isinstance(file, np.ndarray):
            return None
        columns = {name.removeprefix(COLUMN): file[name] for name in file if name.startswith(COLUMN)}
        columns |= {name.removeprefix(CELLS): _cells(file[name]) for name in file if name.startswith(CELLS)}
        images = open_npy(index.parent / str(file["images"]))
        kept = from_arrays(images, file["y"], file["ids"], int(file["classes"]), columns, file.get("owner"))
        return kept if is_intact(images) else None
    return None


def _cells(text: Array) -> Array:
    """Cells of a column of which some are empty: text, whole numbers or truth values, and None."""
    cells = json.loads(str(text))
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column


def _keep(index: Path, examples: Examples, images: str) -> None:
    arrays: dict[str, Any] = {
        CELLS + name if column.dtype == object else COLUMN + name: json.dumps(column.tolist()) if column.dtype == object else column
        for name, column in examples.columns.items()
    }
    arrays |= {"images": images, "y": examples.y.numpy(), "ids": examples.ids, "classes": examples.classes}
    arrays |= {} if examples.owner is None else {"owner": examples.owner}
    try:
        with atomic_write(index) as fresh:
            np.savez(fresh, allow_pickle=False, **arrays)
    except OSError as error:
        raise DataError(f"cannot write to {index.parent}: {error.strerror}") from None
