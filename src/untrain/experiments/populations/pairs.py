"""Pairs of a subset and a seed, and digests of subsets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.core.errors import BadInput
from untrain.data.examples import Examples
from untrain.data.fingerprint import rows_of
from untrain.data.ragged import Ragged
from untrain.training.stacked.stack import Member

Pair = tuple[Sequence[int], int]


def check_pairs(pairs: Sequence[Pair], n: int) -> list[Member]:
    """The pairs, their rows in ascending order.

    Raises:
        BadInput: there are none, or one is not a subset of ``range(n)`` and a seed.
    """
    if len(pairs) == 0:
        raise BadInput("no pairs were given: at least one (rows, seed) is needed")
    return [_member(at, pair, n) for at, pair in enumerate(pairs)]


def _member(at: int, pair: Any, n: int) -> Member:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise BadInput(f"pair {at} is of type {type(pair).__name__}: a pair (rows, seed) is needed")
    seed = pair[1]
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise BadInput(f"pair {at} has the seed {seed!r}: a whole number from 0 is needed")
    try:
        rows = np.asarray(pair[0])
    except ValueError:
        raise BadInput(f"pair {at} has rows that are ragged: a list of whole numbers is needed") from None
    if rows.size == 0:
        raise BadInput(f"pair {at} has an empty subset: a model needs at least one example")
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        more = "; of a mask give np.flatnonzero(mask)" if rows.dtype.kind == "b" else ""
        raise BadInput(f"pair {at} has rows of shape {rows.shape} and type {rows.dtype}: a list of whole numbers is needed{more}")
    rows = np.sort(rows.astype(np.int64))
    if rows[0] < 0 or rows[-1] >= n:
        raise BadInput(f"pair {at} has row {rows[0] if rows[0] < 0 else rows[-1]}: there are rows 0 to {n - 1}")
    twice = rows[1:][rows[1:] == rows[:-1]]
    if len(twice):
        raise BadInput(f"pair {at} has row {twice[0]} more than once: a subset holds each row once")
    return Member(rows, int(seed))


@dataclass(frozen=True, eq=False)
class RowDigests:
    """Digests of the rows of examples, (n, 32) bytes, of which that of a subset is made."""

    kind: str
    rows: np.ndarray[Any, Any]

    def of(self, rows: np.ndarray[Any, Any]) -> str:
        """Digest of a subset: inputs and labels of its rows in their order, and the names of the classes."""
        return hashlib.sha256(self.kind.encode() + self.rows[rows].tobytes()).hexdigest()


def row_digests(train: Examples) -> RowDigests:
    """Digests of all rows."""
    columns = (rows_of(column) for column in train.fields.values())
    digests = [hashlib.sha256(b"".join(part.tobytes() for part in row)).digest() for row in zip(*columns, strict=True)]
    shape = () if isinstance(train.x, Ragged) else tuple(train.x.shape[1:])
    kind = f"{shape} {train.x.dtype} {tuple(train.fields)} {train.categories} "
    return RowDigests(kind, np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(len(train), 32))
