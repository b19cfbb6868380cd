"""Inputs written to disk once, piece by piece."""

from __future__ import annotations

import filecmp
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from untrain.core.errors import DataError
from untrain.core.paths import user_path
from untrain.core.work_files import hidden_name, sweep
from untrain.data.on_disk import PIECE, OnDisk, open_npy
from untrain.data.readers.damage import reading
from untrain.data.readers.numpy_files import read_numpy

Array = np.ndarray[Any, Any]


def write_inputs(pieces: Iterable[tuple[Array, Array]], folder: str | Path) -> tuple[OnDisk, Array]:
    """Inputs in a file of ``folder`` that is named by their digest, and the labels in memory.

    Args:
        pieces: inputs (b, ...) and labels (b,), any number of times.
        folder: made if it is missing; the same inputs give the same file.

    Raises:
        DataError: there are no pieces, they differ in shape, do not hold numbers, or cannot be written.
    """
    where = user_path(folder)
    fresh = where / hidden_name("npy")
    try:
        where.mkdir(parents=True, exist_ok=True)
        sweep(where)
        with open(fresh, "wb") as file:
            labels, digest = _write(pieces, file)
        there = where / f"{digest}.npy"
        # What is there already has the same inputs, and somebody may be reading it; only a damaged one differs.
        if not there.exists() or not filecmp.cmp(there, fresh, shallow=False):
            fresh.replace(there)
    except OSError as error:
        raise DataError(f"cannot write to {folder}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            fresh.unlink()
    return open_npy(where / f"{digest}.npy"), labels


def is_intact(x: OnDisk) -> bool:
    """Check that a file still holds the inputs whose digest ``write_inputs`` made its name; reads all of it."""
    sha = hashlib.sha256()
    with open(x.path, "rb") as file:
        file.seek(x.start)
        while piece := file.read(PIECE):
            sha.update(piece)
    sha.update(f"{x.whole[1:]}{x.kind}".encode())
    return sha.hexdigest()[:16] == x.path.stem


def _write(pieces: Iterable[tuple[Array, Array]], file: BinaryIO) -> tuple[Array, str]:
    sha, labels, shape = hashlib.sha256(), [], None
    kind: np.dtype[Any] = np.dtype(np.float32)
    for x, y in pieces:
        if shape is None:
            shape, kind = x.shape[1:], np.dtype(np.uint8) if x.dtype == np.uint8 else kind
            head = _header(file, (0, *shape), kind)
        if x.shape[1:] != shape or len(x) != len(y) or (x.dtype == np.uint8) != (kind == np.uint8):
            raise DataError(
                f"a piece holds {len(y)} labels and {x.dtype} inputs of shape {x.shape}; the first had inputs {kind} of "
                f"shape (n, {', '.join(map(str, shape))}): make them alike, with one label per row"
            )
        if x.dtype.kind not in "biuf":
            raise DataError(f"x holds {x.dtype}: numbers are needed")
        with np.errstate(over="ignore"):  # what overflows becomes infinite and is refused later
            plain = np.ascontiguousarray(x, dtype=kind)
        sha.update(plain.data)
        file.write(plain.data)
        labels.append(y)
    if shape is None or not sum(map(len, labels)):
        raise DataError("there is nothing to write: at least one example is needed")
    all_labels = np.concatenate(labels)
    file.seek(0)
    if _header(file, (len(all_labels), *shape), kind) != head:
        raise DataError("this version of NumPy writes headers of another length: save the inputs with numpy.save")
    sha.update(f"{shape}{kind}".encode())
    return all_labels, sha.hexdigest()[:16]


def _header(file: BinaryIO, shape: tuple[int, ...], kind: np.dtype[Any]) -> int:
    """Write a header, which NumPy pads so that the number of rows may grow; where it ends."""
    about = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.tell()


def load_array(path: str | Path) -> Array:
    """A small NumPy file, such as one of labels, whole.

    Raises:
        DataError: it cannot be read.
    """
    with reading(f"cannot read {path}"):
        array = read_numpy(user_path(path))
        if not isinstance(array, np.ndarray):
            raise DataError(f"{path} is an .npz file, whatever its name says: one array is needed, written with numpy.save")
    return array
