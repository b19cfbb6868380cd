"""Inputs that are sparse rows, dense only in a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, cast

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from untrain.core.errors import DataError
from untrain.data.examples import Column, Examples
from untrain.data.on_disk import PIECE

Array = np.ndarray[Any, Any]
LARGEST = 1 << 32  # bytes of dense rows that are made at once


@dataclass(frozen=True, eq=False)
class Sparse:
    """Rows of a sparse matrix, instead of a tensor: indexed rows come as a dense tensor.

    Float64 and float32 stay, other numbers become float32. Digests are of what is not 0, so that no dense row is made for them, and
    the same rows held densely have others; -0 is 0.

    >>> rows = Sparse.of(sparse.csr_array(np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]])))
    >>> rows[:1].tolist(), rows.take(np.array([1, 0, 1])).shape
    ([[0.0, 2.0, 0.0]], torch.Size([3, 3]))

    Args:
        matrix: rows in order, each with its columns in order and none of them twice.
        device: where to put indexed rows.
    """

    checked: ClassVar[bool] = True  # ``of`` lets no NaN in

    matrix: sparse.csr_array
    device: torch.device = torch.device("cpu")

    @staticmethod
    def of(matrix: Any) -> Sparse:
        """Of any sparse matrix of scipy, of which it keeps a copy by rows.

        Raises:
            DataError: it has no rows or columns, or holds what is not a number.
        """
        if not sparse.issparse(matrix) or matrix.ndim != 2 or 0 in matrix.shape:
            raise DataError(f"a sparse matrix of scipy with rows and columns is needed, not {type(matrix).__name__}")
        if matrix.dtype.kind not in "biuf":
            raise DataError(f"the sparse matrix holds {matrix.dtype}: numbers are needed")
        kind = matrix.dtype if matrix.dtype in (np.float64, np.float32) else np.float32
        held = sparse.csr_array(matrix, dtype=kind, copy=True)
        held.sum_duplicates()
        held.eliminate_zeros()
        if not np.isfinite(held.data).all():
            raise DataError("the sparse matrix holds NaN or infinite numbers: replace them first")
        return Sparse(held)

    @staticmethod
    def cat(parts: Sequence[Sparse]) -> Sparse:
        """The rows of several, one after the other, still sparse."""
        return replace(parts[0], matrix=sparse.csr_array(sparse.vstack([part.matrix for part in parts], format="csr")))

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def shape(self) -> torch.Size:
        """Numbers of rows and columns."""
        return torch.Size(self.matrix.shape)

    @property
    def ndim(self) -> int:
        """Two, as of a tensor."""
        return 2

    @property
    def dtype(self) -> torch.dtype:
        """Type of the numbers."""
        return torch.float64 if self.matrix.dtype == np.float64 else torch.float32

    def is_floating_point(self) -> bool:
        """True."""
        return True

    def to(self, device: torch.device | str | None) -> Sparse:
        """Put rows on ``device`` as they are indexed."""
        return self if device is None else replace(self, device=torch.device(device))

    def take(self, rows: Array) -> Sparse:
        """Some of the rows, still sparse."""
        return replace(self, matrix=self.matrix[np.asarray(rows)])

    def rows(self) -> Iterator[Array]:
        """Of each row how many numbers are not 0, their columns and the numbers, as bytes."""
        m = self.matrix
        for first, last in pairwise(m.indptr.tolist()):
            count = np.array([last - first], dtype=np.int64)
            held = (count, m.indices[first:last].astype(np.int64), m.data[first:last])
            yield np.concatenate([part.view(np.uint8) for part in held])

    def columns(self, at: Array) -> Iterator[Array]:
        """Some columns of every row, (b, k), block by block, in order."""
        size = max(1, PIECE // max(1, len(at) * self.matrix.dtype.itemsize))
        return (self.matrix[start : start + size][:, at].toarray() for start in range(0, len(self), size))

    def with_columns(self, at: Array, values: Array) -> Sparse:
        """The same rows with these values (k,) in these columns of each; columns of zeros take no room."""
        stays = np.ones(self.matrix.shape[1], dtype=self.matrix.dtype)
        stays[at] = 0
        changed = sparse.csr_array(self.matrix @ sparse.diags_array(stays))
        filled = np.flatnonzero(values)
        if len(filled):
            columns = np.tile(np.asarray(at)[filled], len(self))
            entries = np.tile(values[filled].astype(self.matrix.dtype), len(self)), columns, np.arange(len(self) + 1) * len(filled)
            changed = sparse.csr_array(changed + sparse.csr_array(entries, shape=self.matrix.shape))
        changed.sum_duplicates()
        changed.eliminate_zeros()
        return replace(self, matrix=changed)

    def __getitem__(self, at: Any) -> Tensor:
        """Some of the rows as a dense tensor; one place gives one row without its first axis.

        Raises:
            DataError: dense they would be larger than ``LARGEST``.
        """
        rows = np.arange(len(self))[at.cpu().numpy() if isinstance(at, Tensor) else at]
        size = rows.size * self.matrix.shape[1] * self.matrix.dtype.itemsize
        if size > LARGEST:
            gib = f"{size / 2**30:.1f} GiB"
            raise DataError(
                f"{rows.size} sparse rows of {self.matrix.shape[1]} numbers are {gib} when dense, and dense inputs "
                "are needed here: take Convex, which keeps them sparse, or fewer rows or columns"
            )
        dense = torch.from_numpy(self.matrix[np.atleast_1d(rows)].toarray()).to(self.device)
        return dense if rows.ndim else dense[0]


def matrix_examples(x: Any, y: Array, ids: Any = None, categories: Sequence[str] = (), features: Sequence[str] = ()) -> Examples:
    """Examples of rows of numbers in the precision that they have, dense, or sparse and never made dense as a whole.

    >>> made = matrix_examples(sparse.eye_array(3, format="csr"), np.array([-1, 1, 1]), features=("a", "b", "c"))
    >>> made.x[:1].tolist(), made.y.tolist(), made.categories
    ([[1.0, 0.0, 0.0]], [0, 1, 1], ('-1', '1'))

    Args:
        x: an array or a sparse matrix of scipy, (n, d).
        y: labels -1 and +1, or numbers of classes from 0 on, as integers; or numbers to predict, (n,).
        ids: one per row; rows are numbered from 0 when there are none.
        categories: names of the classes; those of the labels by default.
        features: names of the columns.

    Raises:
        DataError: numbers of rows differ, or labels are of another kind.
    """
    column = Sparse.of(x) if sparse.issparse(x) else _dense(x)
    names = np.arange(len(column)) if ids is None else np.asarray(ids)
    if np.shape(y) != (len(column),) or names.shape != (len(column),):
        raise DataError(f"x has {len(column)} rows, y has shape {np.shape(y)} and ids {names.shape}: one of each per row is needed")
    if len(features) not in (0, column.shape[1]):
        raise DataError(f"features has {len(features)} names, and x {column.shape[1]} columns: name each of them")
    targets, found = _targets(np.asarray(y))
    # A column is what has the methods of one: a new kind in Examples itself would make every stored model stale.
    fields = {"x": cast(Column, column), "y": torch.from_numpy(targets)}
    return Examples(fields, names, tuple(categories) or found, features=tuple(features))


def _dense(x: Any) -> Tensor:
    array = np.array(x)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "biuf":
        raise DataError(f"x has shape {array.shape} and holds {array.dtype}: rows of numbers, (n, d), are needed")
    return torch.from_numpy(array if array.dtype == np.float32 else array.astype(np.float64))


def _targets(y: Array) -> tuple[Array, tuple[str, ...]]:
    """Targets, and names of the classes that they number."""
    if y.dtype.kind == "f":
        return y.astype(np.float64), ()
    if y.dtype.kind not in "iu":
        raise DataError(f"y holds {y.dtype} such as {y[:1].tolist()[0]!r}: labels are whole numbers, and numbers to predict floats")
    labels = y.astype(np.int64)
    if labels.min() >= 0:
        return labels, tuple(map(str, range(max(2, int(labels.max()) + 1))))
    if not np.isin(labels, (-1, 1)).all():
        strange = labels[~np.isin(labels, (-1, 1))][0]
        raise DataError(f"y holds {labels.min()} and {strange}: labels are -1 and +1, or numbers of classes from 0 on")
    return (labels + 1) // 2, ("-1", "1")
