"""Inputs and labels as two arrays, from the pairs of data sets and of pieces that users hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from untrain.core.errors import DataError
from untrain.core.foreign import foreign
from untrain.data.on_disk import OnDisk
from untrain.data.readers.array_cache import load_array
from untrain.data.readers.base import Reader
from untrain.data.readers.held_arrays import array_of, is_frame, is_sparse
from untrain.data.readers.steady_rows import check_steady

Array = np.ndarray[Any, Any]
CHUNK = 256  # items of a data set that are stacked at a time


def pair_of(source: Any) -> tuple[Any, Any]:
    """Inputs and labels of what came without labels of its own: a pair, or a data set whose items are pairs."""
    if is_frame(source):
        raise DataError(
            "a data frame came without labels: give those columns that are inputs, and y=frame['...'], the one of labels"
        )
    if isinstance(source, DataLoader):
        raise DataError("a DataLoader has no fixed order: give its dataset, loader.dataset")
    if isinstance(source, IterableDataset):
        raise DataError(f"{type(source).__name__} can only be iterated: examples need a place; give a map-style Dataset")
    if isinstance(source, tuple | list) and len(source) == 2 and all(_is_array(part) for part in source):
        return source[0], source[1]
    if isinstance(source, Tensor | np.ndarray):
        raise DataError(f"inputs of shape {tuple(source.shape)} came without labels: give y as well")
    if isinstance(source, Dataset) or (hasattr(source, "__getitem__") and hasattr(source, "__len__")):
        return _stack(source)
    raise DataError(f"cannot take examples from {type(source).__name__}: give arrays x and y, a torch Dataset or a Parquet file")


def _is_array(part: Any) -> bool:
    plain = isinstance(part, Tensor | np.ndarray | Sequence | OnDisk | Path) or hasattr(part, "__array__") or is_sparse(part)
    return plain and (not isinstance(part, str) or is_npy_file(part))


def _stack(source: Any) -> tuple[Array, Array]:
    """All items of a map-style data set, asked for once."""
    kind = type(source).__name__
    try:
        n = len(source)
    except TypeError:
        raise DataError(f"{kind} has no length: examples need a place; give a map-style Dataset") from None
    with foreign(kind, draws=True):
        check_steady(source, n, _stacked)
        return _stacked((source[row] for row in range(n)), kind)


def pair_pieces(source: Any) -> Iterator[tuple[Array, Array]]:
    """Pieces of what can be iterated: data sets give single pairs, all else gives pairs of arrays."""
    if isinstance(source, str | Path | Reader):
        raise DataError("on_disk is for what can be iterated: give a Dataset, or pieces (x, y)")
    if not isinstance(source, Dataset):
        if isinstance(source, tuple) and len(source) == 2:
            source = [source]
        for piece in source:
            if not isinstance(piece, tuple | list) or len(piece) != 2:
                raise DataError(f"a piece is {_kind_of(piece)}: a pair (x, y) of arrays is needed")
            x, y = array_or_file(piece[0], "x"), array_or_file(piece[1], "y")
            if x.ndim < 2 or y.ndim != 1:
                raise DataError(f"a piece has x of shape {x.shape} and y of shape {y.shape}: (b, ...) and (b,) are needed")
            yield x, y
        return
    kind = type(source).__name__
    with foreign(kind, draws=True):
        length = None if isinstance(source, IterableDataset) else len(source)  # type: ignore[arg-type]
        check_steady(source, length or 0, _stacked)
    items = iter(source) if length is None else (source[row] for row in range(length))
    while some := _next_of(items, kind):
        yield _stacked(iter(some), kind)


def _next_of(items: Iterator[Any], kind: str) -> list[Any]:
    with foreign(kind, draws=True):
        return list(islice(items, CHUNK))


def _stacked(items: Iterator[Any], kind: str) -> tuple[Array, Array]:
    xs: list[Array] = []
    ys: list[Any] = []
    for row, item in enumerate(items):
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise DataError(f"item {row} of {kind} is {_kind_of(item)}: a pair (x, y) is needed")
        x = _one(item[0])
        if xs and x.shape != xs[0].shape:
            raise DataError(f"{kind}: inputs differ in shape: item 0 has {xs[0].shape}, item {row} has {x.shape}")
        xs.append(x)
        ys.append(_label(item[1], row, kind))
    if not xs:
        raise DataError(f"{kind} is empty: at least one example is needed")
    return np.stack(xs), np.asarray(ys)


def _kind_of(item: Any) -> str:
    return f"{type(item).__name__} of {len(item)}" if isinstance(item, tuple | list) else type(item).__name__


def _one(x: Any) -> Array:
    if type(x).__module__.startswith("PIL."):
        from untrain.data.readers.pillow import pixels

        return pixels(x)
    return np.atleast_1d(array_or_file(x, "x"))


def _label(y: Any, row: int, kind: str) -> Any:
    array = array_or_file(y, "y")
    if array.size != 1:
        raise DataError(f"item {row} of {kind} has a label of shape {array.shape}: one whole number is needed")
    return array.reshape(()).item()


def array_or_file(values: Any, name: str) -> Array:
    """An array of what users hold, or of the .npy file that they name."""
    if is_npy_file(values):
        values = load_array(values)
    return array_of(values, name)


def is_npy_file(x: Any) -> bool:
    """Return whether this names a .npy file."""
    return isinstance(x, str | Path) and str(x).endswith(".npy")
