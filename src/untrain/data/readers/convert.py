"""From what users have to examples with stable ids, validated once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from untrain.core.errors import DataError
from untrain.core.foreign import foreign
from untrain.data.examples import Examples
from untrain.data.on_disk import OnDisk, open_npy, pieces
from untrain.data.readers.array_cache import load_array, write_inputs
from untrain.data.readers.base import RESERVED, reader_of
from untrain.data.readers.held_arrays import frame_inputs, is_empty, is_frame, note_rounding
from untrain.data.readers.pairs import array_or_file, is_npy_file, pair_of, pair_pieces
from untrain.data.readers.plain_columns import held_column

Array = np.ndarray[Any, Any]


def examples(
    source: Any,
    y: Any = None,
    ids: Any = None,
    classes: int | None = None,
    columns: Mapping[str, Any] | None = None,
    on_disk: str | Path | None = None,
    owner: Any = None,
    features: Sequence[str] | None = None,
) -> Examples:
    """Examples of whatever holds them.

    uint8 inputs stay as they are and are taken for images, which a task scales by 255; other numbers become float32.

    Args:
        source: inputs (n, ...) besides ``y``, or by itself: a pair (x, y), a map-style torch Dataset of pairs, Examples, a
            reader such as Parquet or ImageFolder, or a path that one of them takes. Inputs may be the path of a NumPy file
            (``x.npy``), which stays on disk and is read batch by batch; labels may be one as well.
        y: labels, whole numbers in ``range(classes)``, (n,).
        ids: one id per row, integers or text, (n,); rows are numbered from 0 when there are none.
        classes: number of classes; one more than the largest label by default.
        columns: further columns by name, each (n,).
        on_disk: a folder to write the inputs to, from where they are read batch by batch; ``source`` may then also be an
            iterable of pieces, pairs (x, y) of arrays.
        owner: whose each example is, such as a person, integers or text, (n,); nobody's where there are none.
        features: names of the numbers of a row of inputs, by which a request may name them; those of the columns of a data
            frame by default. A name that stands for several numbers is repeated.

    Raises:
        DataError: something about the data is wrong.
        MissingExtra: a reader needs a library that is not installed.
    """
    if y is None and isinstance(source, Examples):
        fields = (source.x, source.y, source.ids if ids is None else ids, classes or source.classes)
        whose = source.owner if owner is None else owner
        named = source.features if features is None else features
        checked = from_arrays(*fields, source.columns if columns is None else columns, whose, named)
        return checked if source.true is None else replace(checked, true=labels(source.true, len(checked), checked.classes, "true"))
    if on_disk is not None:
        source, y = write_inputs(
            pair_pieces(source) if y is None else [(array_or_file(source, "x"), array_or_file(y, "y"))], on_disk
        )
    reader = reader_of(source) if y is None else None
    if reader is not None:
        with foreign(reader, draws=True):
            read = reader.read()
        brought = {**read.columns, **(columns or {})}
        whose = read.owner if owner is None else owner
        named = read.features if features is None else features
        return from_arrays(read.x, read.y, read.ids if ids is None else ids, classes or read.classes, brought, whose, named)
    x, y = (source, y) if y is not None else pair_of(source)
    headings: tuple[str, ...] = ()
    if is_frame(x):
        x, headings = frame_inputs(x, columns or {})
    return from_arrays(x, y, ids, classes, columns or {}, owner, headings if features is None else features)


def from_arrays(
    x: Any, y: Any, ids: Any, classes: int | None, columns: Mapping[str, Any], owner: Any = None, features: Sequence[str] = ()
) -> Examples:
    """Examples of arrays.

    Raises:
        DataError: they do not go together, or hold what no example may hold.
    """
    inputs = _inputs(x)
    n = len(inputs)
    targets = labels(y, n, classes, "y").to(inputs.device)
    names = np.arange(n) if ids is None else _names("ids", ids, n)
    _finite(inputs, names)
    checked_columns = {name: _column(name, column, n) for name, column in columns.items()}
    made = Examples.labelled(
        inputs, targets, names, int(targets.max()) + 1 if classes is None else classes, columns=checked_columns
    )
    owners = None if owner is None else _names("owners", owner, n)
    return replace(made, owner=owners, features=_checked_features(features, inputs))


def _checked_features(features: Sequence[str], inputs: Tensor | OnDisk) -> tuple[str, ...]:
    width = inputs.shape[1:].numel()
    if isinstance(features, str) or not isinstance(features, Iterable) or not all(isinstance(name, str) for name in features):
        raise DataError(f"features are {features!r}: a list of names is needed, one for each number of a row of inputs")
    if len(features) not in (0, width):
        raise DataError(f"features has {len(features)} names, and a row of inputs {width} numbers: name each of them")
    return tuple(features)


def labels(y: Any, n: int, classes: int | None, name: str) -> Tensor:
    """Labels as int64, (n,).

    Raises:
        DataError: they are not whole numbers, out of range, or more or fewer than the inputs.
    """
    array = array_or_file(y, name)
    if array.ndim != 1 or len(array) != n:
        raise DataError(f"{name} has shape {array.shape} and x has {n} rows: one label per row, ({n},), is needed")
    if array.dtype.kind not in "biu":
        raise DataError(
            f"{name} holds {_kind(array)} such as {array[:1].tolist()[0]!r}: labels are whole numbers counted from 0 (int64)"
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or (classes is not None and high >= classes) or high >= 2**31:
        row = int(np.flatnonzero(array == (low if low < 0 else high))[0])
        wanted = f"0 to {classes - 1}" if classes is not None else "0 or larger, counted without great gaps"
        raise DataError(f"{name} holds the label {low if low < 0 else high} in row {row}: labels have to be {wanted}")
    return torch.from_numpy(array.astype(np.int64))


def _kind(array: Array) -> str:
    return {"U": "text", "S": "bytes", "O": "Python objects", "b": "truth values"}.get(array.dtype.kind, str(array.dtype))


def _inputs(x: Any) -> Any:
    if isinstance(x, OnDisk) or _is_checked(x):
        return x
    if is_npy_file(x):
        return open_npy(x)
    array = array_or_file(x, "x")
    if array.ndim == 0 or len(array) == 0:
        raise DataError("x is empty: at least one example is needed")
    if array.dtype.kind not in "biuf":
        raise DataError(f"x holds {_kind(array)}: numbers are needed")
    if array.ndim == 1 or array.size == 0:
        raise DataError(f"x has shape {array.shape}: each of the {len(array)} rows needs at least one number, (n, d)")
    device = x.device if isinstance(x, Tensor) else "cpu"
    with np.errstate(over="ignore"):  # what overflows becomes infinite and is refused later
        checked = array.astype(np.uint8 if array.dtype == np.uint8 else np.float32, order="C")
    note_rounding("x", array, checked)
    return torch.from_numpy(checked).to(device)


def _is_checked(x: Any) -> bool:
    """Return whether these are rows that were checked when they were made, and stay as they are, as sparse ones do."""
    return getattr(x, "checked", False) is True


def _finite(x: Tensor | OnDisk, ids: Array) -> None:
    if not x.is_floating_point() or _is_checked(x):
        return
    bad = np.flatnonzero(np.concatenate([~np.isfinite(piece).reshape(len(piece), -1).all(1) for piece in pieces(x)]))
    if len(bad):
        raise DataError(
            f"x holds NaN or infinite values in {len(bad)} of {len(x)} rows, the first is row {bad[0]} "
            f"(id {ids[bad[0]].item()!r}): drop or fill them"
        )


def _names(name: str, given: Any, n: int) -> Array:
    """Ids or owners, whole numbers or text, (n,)."""
    array = _column(name, given, n)
    if array.dtype.kind not in "iuU":
        if array.dtype == object and {isinstance(each, str) for each in array} == {True, False}:
            raise DataError(f"{name} mix text and {_others(array)}: make all of them one or the other")
        limit = ", or a number of more than 64 bits" if array.dtype == object and isinstance(array[0], int) else ""
        raise DataError(f"{name} hold {_kind(array)} such as {array[0]!r}{limit}: an {name[:-1]} is a whole number or text")
    if array.dtype.kind == "U" or (array.dtype == np.uint64 and int(array.max()) >= 2**63):
        return array
    return array.astype(np.int64)


def _others(array: Array) -> str:
    other = next(cell for cell in array if not isinstance(cell, str))
    return "empty cells" if is_empty(other) else "numbers" if isinstance(other, Real) else f"such as {other!r}"


def _column(name: str, values: Any, n: int) -> Array:
    if name in RESERVED:
        raise DataError(f"a column may not be named {name!r}: {RESERVED} have their own place")
    array = held_column(name, load_array(values) if is_npy_file(values) else values)
    if array.shape != (n,):
        raise DataError(f"{name} has shape {array.shape} and x has {n} rows: one value per row, ({n},), is needed")
    return array
