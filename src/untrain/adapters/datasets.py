"""Hugging Face datasets: from Parquet, or from the hub, to plain arrays."""

from __future__ import annotations

import glob
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np

from untrain.adapters.pillow import pixels
from untrain.core.errors import DataError, suggest

Array = np.ndarray[Any, Any]
CHUNK = 1024


class Arrays(NamedTuple):
    """Inputs ``x`` (n, ...), labels ``y`` (n,), ``ids`` (n,), number of classes where the file tells it, other columns."""

    x: Array
    y: Array
    ids: Array
    classes: int | None
    columns: Mapping[str, Array]


Pick = Callable[[Array], Array]
"""Labels (n,) -> the rows wanted, in their order."""

Names = tuple[tuple[str, ...], str, str]
"""Names of the columns of inputs, label and id; empty ones of inputs and id are looked for."""

USUAL: Names = ((), "label", "")


def read_parquet(path: str, names: Names = USUAL, pick: Pick | None = None) -> Arrays:
    """Arrays of a Parquet file; only rows that ``pick`` chooses by their labels are decoded.

    Raises:
        DataError: the file is missing, empty or no Parquet, a column is not there, or cells cannot be read.
    """
    file = Path(path)
    _check(file)
    with tempfile.TemporaryDirectory(prefix="untrain-") as cache:
        try:
            with _quiet():
                table = datasets.load_dataset(
                    "parquet", data_files=glob.escape(str(file.resolve())), split="train", cache_dir=cache
                )
        except Exception as error:  # the library lets errors of many others through
            raise DataError(f"{path} cannot be read as Parquet: {_line(error)}") from None
        return _arrays(table, path, names, pick)


def read_hub(name: str, split: str, names: Names = USUAL, pick: Pick | None = None) -> Arrays:
    """Arrays of one split of a data set on the Hugging Face hub, or of its copy in the library's cache.

    Raises:
        DataError: it cannot be reached.
    """
    try:
        with _quiet():
            table = datasets.load_dataset(name, split=split)
    except Exception as error:  # the library lets errors of many others through
        raise DataError(
            f"cannot get {name} from the Hugging Face hub ({_line(error)}): "
            "connect, or give path=... , a folder with train.parquet and test.parquet"
        ) from None
    return _arrays(table, name, names, pick)


def _check(file: Path) -> None:
    if not file.is_file():
        raise DataError(f"there is no file {str(file)!r}" + (": it is a folder" if file.is_dir() else ""))
    try:
        with file.open("rb") as opened:
            first = opened.read(4)
    except OSError as error:
        raise DataError(f"cannot read {str(file)!r}: {error.strerror or error}") from None
    if not first:
        raise DataError(f"{file} is empty: a Parquet file was expected")
    if first != b"PAR1":
        raise DataError(f"{file} is no Parquet file, whatever its name says: it begins with {first!r}, not b'PAR1'")


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


@contextmanager
def _quiet() -> Iterator[None]:
    """Neither progress bars nor log lines: what goes wrong is said once, by the error."""
    bars, level = datasets.is_progress_bar_enabled(), logging.root.manager.disable
    datasets.disable_progress_bars()
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)
        if bars:
            datasets.enable_progress_bars()


def _arrays(table: datasets.Dataset, source: str, names: Names, pick: Pick | None) -> Arrays:
    if len(table) == 0:
        raise DataError(f"{source} holds no rows")
    inputs, label, one = names[0] or _found(table, source), names[1], names[2]
    for name in (*inputs, label, *([one] if one else [])):
        if name not in table.column_names:
            raise DataError(f"{source} has no column {name!r}; it has {table.column_names}{suggest(name, table.column_names)}")
    one = one or ("id" if "id" in table.column_names else "")
    y = _plain(table, label, source)
    rows = np.arange(len(table)) if pick is None else pick(y)
    ids = _plain(table, one, source)[rows] if one else rows
    part = table if pick is None else table.select(rows)
    kind = table.features[label]
    others = [n for n in table.column_names if n not in {*inputs, label, one, "label", "id", "true"}]
    return Arrays(
        _inputs(part, inputs, source),
        y[rows],
        ids,
        kind.num_classes if isinstance(kind, datasets.ClassLabel) else None,
        {n: _plain(part, n, source) for n in others if _is_plain(table.features[n])},
    )


def _found(table: datasets.Dataset, source: str) -> tuple[str, ...]:
    images = [name for name, kind in table.features.items() if _is_image(kind)]
    if len(images) == 1:
        return (images[0],)
    raise DataError(
        f"{source} has {len(images) or 'no'} image columns: name the inputs with x=('...',); it has {table.column_names}"
    )


def _is_image(kind: Any) -> bool:
    return isinstance(kind, datasets.Image) or (isinstance(kind, dict) and set(kind) == {"bytes", "path"})


def _is_plain(kind: Any) -> bool:
    return isinstance(kind, datasets.ClassLabel) or (isinstance(kind, datasets.Value) and kind.dtype != "binary")


def _plain(table: datasets.Dataset, name: str, source: str) -> Array:
    """A column as an array; text as NumPy text."""
    column = table.select_columns(name).with_format("arrow")[:].column(name)
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise DataError(f"{source}: column {name!r} has {column.null_count} empty cells, the first in row {row}")
    array = column.to_numpy()
    text = array.dtype == object and _is_text(table.features[name])
    return np.asarray(array.astype(str) if text else array)


def _is_text(kind: Any) -> bool:
    return isinstance(kind, datasets.Value) and "string" in kind.dtype


def _inputs(table: datasets.Dataset, names: tuple[str, ...], source: str) -> Array:
    if len(names) == 1 and (_is_image(table.features[names[0]]) or getattr(table.features[names[0]], "dtype", "") == "binary"):
        return _images(table.cast_column(names[0], datasets.Image()), names[0], source)
    columns = [_numbers(table, name, source) for name in names]
    return columns[0] if len(columns) == 1 and columns[0].ndim > 2 else np.concatenate(columns, axis=1)


def _numbers(table: datasets.Dataset, name: str, source: str) -> Array:
    """A column of numbers (n, 1), or of lists of numbers (n, ...)."""
    if _is_plain(table.features[name]):
        array = _plain(table, name, source)
    else:
        try:
            array = np.asarray(table.select_columns(name).with_format("arrow")[:].column(name).to_pylist())
        except ValueError:
            raise DataError(f"{source}: the lists in column {name!r} differ in length") from None
    if array.dtype.kind not in "biuf":
        raise DataError(f"{source}: column {name!r} holds no numbers but {table.features[name]}")
    return array[:, None] if array.ndim == 1 else array


def _images(table: datasets.Dataset, name: str, source: str) -> Array:
    """All images, decoded once, uint8 (n, c, h, w)."""
    made = np.empty((len(table), *_decoded(table, name, source, 0)[0].shape), dtype=np.uint8)
    for start in range(0, len(table), CHUNK):
        for row, array in enumerate(_decoded(table, name, source, start), start):
            if array.shape != made.shape[1:]:
                raise DataError(
                    f"{source}: images differ in shape: row 0 has {made.shape[1:]}, row {row} has {array.shape}; make them alike"
                )
            made[row] = array
    return made


def _decoded(table: datasets.Dataset, name: str, source: str, start: int) -> list[Array]:
    """One chunk of images from row ``start``."""
    try:
        found = table[start : start + CHUNK][name]
    except Exception as error:  # the library lets errors of many others through
        raise DataError(f"{source}: column {name!r}, rows from {start}: {_line(error)}") from None
    if None in found:
        raise DataError(f"{source}: column {name!r} has no image in row {start + found.index(None)}")
    try:
        return [pixels(image) for image in found]
    except DataError as error:
        raise DataError(f"{source}: column {name!r}, rows from {start}: {error}") from None
