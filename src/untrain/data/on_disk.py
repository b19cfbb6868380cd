"""Inputs that stay in a file until a batch needs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from untrain.core.environment import absolute
from untrain.core.errors import DataError, FileChanged
from untrain.core.paths import user_path
from untrain.data.readers.damage import reading
from untrain.data.readers.numpy_files import NUMPY, read_head

Array = np.ndarray[Any, Any]
PIECE = 8 << 20


@dataclass(frozen=True, eq=False)
class OnDisk:
    """Rows of a NumPy file, instead of a tensor: indexing reads rows and returns them as a tensor.

    Files are read and not mapped: pages of a map would count as memory of the process. uint8 stays, other numbers become
    float32 as they are read.

    Args:
        path: the file, whole, in C order.
        kind: type of its numbers.
        whole: its shape.
        start: bytes before the first row.
        stamp: size and time of the last change of the file when it was opened, in bytes and nanoseconds.
        rows: which rows of the file these are, (n,); None for all.
        device: where to put rows that were read.
    """

    path: Path
    kind: np.dtype[Any]
    whole: tuple[int, ...]
    start: int
    stamp: tuple[int, int]
    rows: Array | None = None
    device: torch.device = torch.device("cpu")

    def __len__(self) -> int:
        return self.whole[0] if self.rows is None else len(self.rows)

    @property
    def shape(self) -> torch.Size:
        """Shape, as of a tensor."""
        return torch.Size((len(self), *self.whole[1:]))

    @property
    def ndim(self) -> int:
        """Number of dimensions, as of a tensor."""
        return len(self.whole)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the rows once read."""
        return torch.uint8 if self.kind == np.uint8 else torch.float32

    def is_floating_point(self) -> bool:
        """True unless rows are uint8, as of a tensor."""
        return self.dtype.is_floating_point

    def to(self, device: torch.device | str | None) -> OnDisk:
        """Put rows on ``device`` as they are read."""
        return self if device is None else replace(self, device=torch.device(device))

    def take(self, rows: Array) -> OnDisk:
        """Some of the rows, without reading them."""
        return replace(self, rows=self._places(rows))

    def __getitem__(self, at: Any) -> Tensor:
        """Read the rows at some places, as a tensor; one place gives one row without its first axis."""
        if isinstance(at, slice):
            places = np.arange(*at.indices(len(self)))
        else:
            places = np.asarray(at.cpu() if isinstance(at, Tensor) else at)
            places = np.flatnonzero(places) if places.dtype == bool else places.astype(np.int64)
        read = torch.from_numpy(self._read(self._places(np.atleast_1d(places)))).to(self.device)
        return read if places.ndim else read[0]

    def _places(self, at: Array) -> Array:
        n = len(self)
        if len(at) and not (-n <= at.min() and at.max() < n):
            raise IndexError(f"rows {at.min()} to {at.max()} are out of range, of {n}")
        places = np.where(at < 0, at + n, at)
        return places if self.rows is None else self.rows[places]

    def _read(self, rows: Array) -> Array:
        """Read rows of the file in the order given, neighbouring rows at once."""
        out = np.empty((len(rows), *self.whole[1:]), dtype=self.kind)
        width = int(np.prod(self.whole[1:])) * self.kind.itemsize
        order = np.argsort(rows, kind="stable")
        sorted_already = bool((order == np.arange(len(order))).all())
        sorted_rows = out if sorted_already else np.empty_like(out)
        cuts = [0, *(np.flatnonzero(np.diff(rows[order]) != 1) + 1).tolist(), len(rows)]
        flat = sorted_rows.reshape(-1).view(np.uint8).data
        with open(self.path, "rb", buffering=0) as file:
            if _stamp(file.fileno()) != self.stamp:
                raise FileChanged(f"{self.path} has changed since it was opened: begin again with the file as it is now")
            for first, last in pairwise(cuts):
                if first < last:
                    self._fill(file.fileno(), flat[first * width : last * width], self.start + int(rows[order[first]]) * width)
        if not sorted_already:
            out[order] = sorted_rows
        return out if self.kind == np.uint8 else out.astype(np.float32, copy=False)

    def _fill(self, file: int, into: memoryview, offset: int) -> None:
        while into:
            count = os.preadv(file, [into], offset)
            if count == 0:
                raise FileChanged(f"{self.path} ends before its last row: was it cut short, or overwritten?")
            into, offset = into[count:], offset + count


def open_npy(path: str | Path) -> OnDisk:
    """Open a ``.npy`` file without reading its rows.

    Raises:
        DataError: the file does not exist, is not a NumPy file, or its numbers cannot be read row by row.
    """
    where = absolute(user_path(path))
    with reading(f"cannot read {path}"), open(where, "rb") as file:
        if not (first := file.read(len(NUMPY))) == NUMPY:
            raise DataError(f"{path} is {'not a NumPy file' if first else 'empty'}: write it with numpy.save")
        file.seek(0)
        stamp = _stamp(file.fileno())
        shape, fortran, kind, start = read_head(file, stamp[0])
    if kind.kind not in "biuf":
        raise DataError(f"{path} holds {kind}: numbers are needed")
    if fortran and len(shape) > 1:
        raise DataError(f"{path} is in Fortran order: write it with numpy.save(path, numpy.ascontiguousarray(x))")
    if len(shape) < 2 or 0 in shape:
        raise DataError(f"{path} has shape {shape}: rows of at least one number each, (n, ...), are needed")
    return OnDisk(where, kind, shape, start, stamp)


def _stamp(file: int) -> tuple[int, int]:
    about = os.fstat(file)
    return about.st_size, about.st_mtime_ns


def pieces(x: Tensor | OnDisk | Array) -> Iterator[Array]:
    """Yield the rows in order, in pieces of some megabytes, as arrays in C order."""
    each = max(1, int(np.prod(x.shape[1:])) * (x.dtype.itemsize))
    size = max(1, PIECE // each)
    for first in range(0, len(x), size):
        part = x[first : first + size]
        yield np.ascontiguousarray(_bits(part.detach().cpu()) if isinstance(part, Tensor) else part)


def _bits(tensor: Tensor) -> Array:
    """A tensor's numbers; of bfloat16, which NumPy lacks, their bits."""
    return (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy()
