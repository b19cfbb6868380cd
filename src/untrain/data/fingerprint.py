"""Fingerprints of data, by which masks, models and results are matched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from untrain.data.examples import Column, Examples
from untrain.data.on_disk import OnDisk, pieces
from untrain.data.ragged import Ragged


def fingerprint(ids: np.ndarray[Any, Any], x: Column | None = None) -> str:
    """Sixteen hexadecimal digits of the ids and, when given, the inputs, whatever their order."""
    rows = [hashlib.sha256(repr(i).encode()).digest() for i in ids.tolist()]
    if x is not None:
        rows = [hashlib.sha256(a + b.tobytes()).digest() for a, b in zip(rows, rows_of(x), strict=True)]
    return hashlib.sha256(b"".join(sorted(rows))).hexdigest()[:16]


def rows_of(column: Column) -> Iterator[np.ndarray[Any, Any]]:
    """The rows of a column in order, as arrays in C order; tokens without padding, which depends on the rows beside them."""
    return column.rows() if isinstance(column, Ragged) else (row for piece in pieces(column) for row in piece)


def array_digest(*arrays: np.ndarray[Any, Any] | Tensor | OnDisk) -> str:
    """Sixty-four hexadecimal digits of arrays: shapes, types and bytes, in order; a tensor's are those of its array."""
    sha = hashlib.sha256()
    for value in arrays:
        array = value.astype(str) if isinstance(value, np.ndarray) and value.dtype == object else value
        kind = array.dtype if isinstance(array, np.ndarray) else str(array.dtype).removeprefix("torch.")
        sha.update(f"{tuple(array.shape)}{kind}".encode())
        for piece in pieces(array) if array.ndim else (np.asarray(array),):
            sha.update(piece.tobytes())
    return sha.hexdigest()


def print_of(examples: Examples) -> str:
    """Digest of examples in their order: of their fields and ids, and of the number of classes."""
    ids, classes = np.asarray(examples.ids).astype(str), np.asarray(examples.classes)
    return array_digest(*map(plain, examples.fields.values()), ids, classes)


def plain(column: Column) -> Tensor | OnDisk:
    """A column as rows of one shape; tokens come padded."""
    return column[:] if isinstance(column, Ragged) else column


def id_hashes(ids: Sequence[object]) -> np.ndarray[Any, Any]:
    """A 64-bit hash of each id, int64 (n,), the same in every process."""
    digests = b"".join(hashlib.sha256(repr(each).encode()).digest()[:8] for each in ids)
    return np.frombuffer(digests, dtype=np.int64).copy()
