"""Data that users hold in memory, to arrays: tensors, sparse matrices, data frames, lists."""

from __future__ import annotations

import datetime
import math
from collections.abc import Container, Iterable, Sequence
from numbers import Number, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from untrain.core.errors import DataError
from untrain.core.metering import add_note

Array = np.ndarray[Any, Any]
DENSE = 1 << 30  # bytes of the largest sparse matrix that is written out


def array_of(values: Any, name: str) -> Array:
    """Return an array of whatever holds numbers or text; sparse input is written out where it is small enough, and reported.

    >>> from scipy import sparse
    >>> array_of(sparse.csr_array([[0, 1], [2, 0]]), "x").tolist()
    [[0, 1], [2, 0]]

    Raises:
        DataError: it is ragged, or sparse and too large.
    """
    if isinstance(values, Tensor):
        if values.is_meta:
            raise DataError(f"{name} is a tensor on the device 'meta', which has a shape and no numbers")
        values = values.detach().cpu()
        if values.layout != torch.strided:
            _check_dense(values.shape, values.dtype.itemsize, name)
            values = values.to_dense()
        if values.is_quantized:
            values = values.dequantize()
        known = values.dtype in (torch.float16, torch.float32, torch.float64) or not values.is_floating_point()
        return np.asarray((values if known else values.float()).resolve_conj().resolve_neg().numpy())
    if is_sparse(values):
        _check_dense(values.shape, np.dtype(values.dtype).itemsize, name)
        return np.asarray(values.toarray())
    if isinstance(values, list | tuple) and values and all(isinstance(row, Tensor) for row in values):
        values = [array_of(row, name) for row in values]
    if isinstance(values, np.ma.MaskedArray) and np.ma.getmaskarray(values).any():
        raise DataError(
            f"{name} has {int(np.ma.getmaskarray(values).sum())} masked cells, which are not numbers: fill or drop them"
        )
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(f"{name} is ragged: its rows differ in length; make them alike") from None
    if array.ndim == 0 and array.dtype == object:
        raise DataError(f"{name} is a {type(values).__name__}: an array, a tensor, a data frame or a list of rows is needed")
    return array


def is_sparse(values: Any) -> bool:
    """Return whether something is a sparse matrix of SciPy's kind."""
    return hasattr(values, "nnz") and hasattr(values, "toarray")


def _check_dense(shape: Iterable[int], each: int, name: str) -> None:
    size = math.prod(shape) * max(each, 4)  # numbers but uint8 become float32
    if size > DENSE:
        raise DataError(
            f"{name} is sparse, of shape {tuple(shape)}, and takes {size / 1e9:,.1f} GB written out; up to {DENSE / 1e9:.1f} are "
            "done here: choose columns, or write it to a .npy file in pieces and give its path"
        )
    add_note(f"{name} is sparse and is written out, {size / 1e6:,.1f} MB")


def is_frame(values: Any) -> bool:
    """Return whether something is a data frame, of whatever library: it has columns by name."""
    return isinstance(getattr(values, "columns", None), Iterable) and hasattr(values, "__getitem__") and hasattr(values, "shape")


def frame_inputs(frame: Any, placed: Container[str]) -> tuple[Array, tuple[str, ...]]:
    """Numbers of a data frame (n, d) and the names of their columns, where these are text.

    Args:
        frame: its numeric columns become inputs, in their order.
        placed: names of columns that have another place; a note names those that are therefore no inputs.

    Raises:
        DataError: a column is not a number and has no other place, or cells are empty.
    """
    names, columns, kept = list(frame.columns), [], []
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"x has two columns {twice!r}: give each a name of its own")
    others = []
    for name in names:
        column = _numeric(frame[name])
        if column is None:
            others.append(name)
            continue
        columns.append(column)
        kept.append(name)
    unplaced = [name for name in others if name not in placed]
    if unplaced:
        word = unplaced[0]
        raise DataError(
            f"x has {len(unplaced)} columns that hold no numbers, such as {word!r} ({frame[word].dtype}): drop or encode them, or "
            f"give them as columns={{{word!r}: frame[{word!r}]}}, where a request may name them and the model does not see them"
        )
    if not columns:
        raise DataError("x has no column of numbers: at least one is needed")
    if others:
        add_note(f"{len(others)} columns of the data frame hold no numbers and are not inputs, such as {others[0]!r}")
    note_pixels("x", kept, columns)
    return np.stack(columns, axis=1), tuple(kept) if all(isinstance(name, str) for name in kept) else ()


def _numeric(column: Any) -> Array | None:
    """A column of a data frame as numbers, empty cells as NaN; None where it holds something else."""
    array = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    if array.dtype.kind in "biuf":
        return np.asarray(array)
    if array.dtype != object:
        return None
    # Types of the library's own, such as whole numbers some of which are missing.
    cells = [np.nan if is_empty(cell) else cell for cell in array]
    return np.array(cells, dtype=np.float64) if all(map(_is_number, cells)) else None


def is_empty(cell: Any) -> bool:
    """Return whether a cell holds nothing: None, NaN, no time, or what the types of pandas have for it.

    >>> [is_empty(cell) for cell in (None, float("nan"), np.datetime64("NaT"), "", 0)]
    [True, True, True, False, False]
    """
    if cell is None or type(cell).__name__ == "NAType":
        return True
    return isinstance(cell, Number | np.generic | datetime.date) and bool(cell != cell)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, Real | np.bool_)


def note_pixels(source: str, names: Sequence[Any], columns: Sequence[Array]) -> None:
    """Add a note where all columns, of one number per row, are of the type that pixels have."""
    if all(column.dtype == np.uint8 for column in columns):
        add_note(f"{source}: {len(names)} columns of uint8, such as {names[0]!r}, are taken for pixels, which are divided by 255")


def note_rounding(name: str, given: Array, kept: Array) -> None:
    """Add a note that counts whole numbers which float32 rounds, as it does beyond 16,777,216: keys and times are such."""
    if given.dtype.kind not in "iuf" or given.dtype.itemsize < 4 or given.dtype == np.float32:
        return
    with np.errstate(invalid="ignore", over="ignore"):
        large = np.abs(kept) >= 2**24
        if not large.any():
            return
        before, after = given[large], kept[large].astype(np.float64)
        exact = before.astype(np.float64)
        changed = (exact != after) & (exact == np.floor(exact))
    if changed.any():
        add_note(
            f"{int(changed.sum()):,} whole numbers of {name} are rounded as float32, such as {before[changed][0]:.0f} to "
            f"{after[changed][0]:.0f}: subtract an origin, or leave out columns that are keys"
        )
