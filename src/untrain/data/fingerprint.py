"""Fingerprints of data, by which masks, models and results are matched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from untrain.data.examples import Column, Examples
from untrain.data.on_disk import OnDisk, pieces
from untrain.data.ragged import Ragged


def fingerprint(ids: np.ndarray[Any, Any], x: Column | None = None) -> str:
    """Sixteen hexadecimal digits of the ids and, when given, the inputs, whatever their order."""
    return hashlib.sha256(b"".join(sorted(_row_digests(ids.tolist(), x)))).hexdigest()[:16]


def _row_digests(ids: Sequence[object], x: Column | None) -> list[bytes]:
    rows = [hashlib.sha256(repr(i).encode()).digest() for i in ids]
    if x is None:
        return rows
    return [hashlib.sha256(a + b.tobytes()).digest() for a, b in zip(rows, rows_of(x), strict=True)]


def rows_of(column: Column) -> Iterator[np.ndarray[Any, Any]]:
    """The rows of a column in order, as arrays in C order.

    Of tokens they are without padding, which depends on the rows beside them, and of sparse rows what is not 0, with its places.
    """
    if isinstance(column, Tensor | OnDisk | np.ndarray):
        return (row for piece in pieces(column) for row in piece)
    return column.rows()


def array_digest(*arrays: np.ndarray[Any, Any] | Tensor | OnDisk) -> str:
    """Sixty-four hexadecimal digits of arrays: shapes, types and bytes, in order; a tensor's are those of its array."""
    sha = hashlib.sha256()
    for value in arrays:
        array: Any = value.astype(str) if isinstance(value, np.ndarray) and value.dtype == object else value
        kind = array.dtype if isinstance(array, np.ndarray) else str(array.dtype).removeprefix("torch.")
        sha.update(f"{tuple(array.shape)}{kind}".encode())
        whole = isinstance(array, Tensor | OnDisk | np.ndarray)
        for piece in (np.asarray(array),) if not array.ndim else pieces(array) if whole else rows_of(array):
            sha.update(piece.tobytes())
    return sha.hexdigest()


def print_of(examples: Examples) -> str:
    """Digest of examples in their order: their fields, by name, their ids, their owners, and the names of the classes."""
    ids, names = np.asarray(examples.ids).astype(str), repr((tuple(examples.fields), examples.categories))
    owner = () if examples.owner is None else (np.asarray(examples.owner).astype(str),)
    return array_digest(*map(plain, examples.fields.values()), ids, np.asarray(names), *owner)


def fields_print(examples: Examples) -> str:
    """Digest of the fields of examples in their order, by name, and nothing else: whose they are does not count."""
    return array_digest(*map(plain, examples.fields.values()), np.asarray(repr(tuple(examples.fields))))


def learned_print(examples: Examples, asked: str) -> str:
    """Digest of all that a learner sees, where ``asked`` is that of the inputs: targets, ids, owners and names of classes."""
    targets = replace(examples, fields={examples.target: examples.y})
    return hashlib.sha256(f"{asked} {print_of(targets)}".encode()).hexdigest()


def scored_print(examples: Examples) -> str:
    """Digest of what scores take of examples beside outputs: targets as given and before noise, ids, owners, names of classes."""
    true = examples.y if examples.true is None else examples.true
    return print_of(replace(examples, fields={"y": examples.y, "true": true}))


def request_digest(forget: Examples, replacement: Examples | None = None) -> str:
    """Sixteen hexadecimal digits of what is to be forgotten and, where it is corrected, of what stands in its place."""
    digest = fingerprint(forget.ids, forget.x)
    if replacement is None:
        return digest
    return hashlib.sha256(f"{digest} {print_of(replacement)}".encode()).hexdigest()[:16]


def plain(column: Column) -> Tensor | OnDisk:
    """A column as rows of one shape; tokens come padded."""
    return column[:] if isinstance(column, Ragged) else column


def id_hashes(ids: Sequence[object], x: Column | None = None) -> np.ndarray[Any, Any]:
    """A 64-bit hash of each id and, when given, of its input, int64 (n,), the same in every process."""
    digests = b"".join(each[:8] for each in _row_digests(ids, x))
    return np.frombuffer(digests, dtype=np.int64).copy()


def row_hashes(examples: Examples) -> np.ndarray[Any, Any]:
    """A 64-bit hash of each example's id, inputs and targets, int64 (n,); their numbers count as float64, whatever they are.

    >>> import torch
    >>> x = torch.ones(1, 2)
    >>> one, other = (Examples({"x": each, "y": torch.ones(1)}, np.array([7])) for each in (x.half(), x.char()))
    >>> row_hashes(one) == row_hashes(other)
    array([ True])
    """
    digests, columns = _row_digests(examples.ids.tolist(), None), (rows_of(c) for c in examples.fields.values())
    rows = zip(digests, *columns, strict=True)
    whole = (b"".join([key, *(np.asarray(part, dtype=np.float64).tobytes() for part in parts)]) for key, *parts in rows)
    return np.frombuffer(b"".join(hashlib.sha256(row).digest()[:8] for row in whole), dtype=np.int64).copy()
