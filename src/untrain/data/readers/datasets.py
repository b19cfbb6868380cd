"""Hugging Face datasets: from Parquet, or from the hub, to plain arrays."""

from __future__ import annotations

import glob
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np

from untrain.core.errors import DataError, suggest
from untrain.core.paths import user_path
from untrain.core.work_files import scratch
from untrain.data.readers.base import Array, Arrays
from untrain.data.readers.pillow import pixels, square

CHUNK = 256


Pick = Callable[[Array], Array]
"""Labels (n,) -> the rows wanted, in their order."""

Hold = Callable[[Iterator[Array], int], Any]
"""Pieces (b, ...) and how many rows they have together -> all of them, or where they lie."""


class Wanted(NamedTuple):
    """Columns to take from a table.

    Args:
        x: names of the columns of inputs; empty finds the one column of images.
        label: names that the column of labels may have; the first that is there is taken.
        id: name of the column of ids; empty takes 'id' where it is there, and else numbers the rows from 0.
        side: pixels on each side of the squares that images become; None leaves them as they are.
        owner: name of the column of owners; empty takes 'owner' where it is there.
    """

    x: tuple[str, ...] = ()
    label: tuple[str, ...] = ("label",)
    id: str = ""
    side: int | None = None
    owner: str = ""


USUAL = Wanted()


def _whole(pieces: Iterator[Array], n: int) -> Array:
    """All pieces in memory."""
    images, at = None, 0
    for piece in pieces:
        images = np.empty((n, *piece.shape[1:]), dtype=piece.dtype) if images is None else images
        images[at : at + len(piece)] = piece
        at += len(piece)
    return np.empty(0) if images is None else images


def read_parquet(path: str | Sequence[str], wanted: Wanted = USUAL, pick: Pick | None = None, hold: Hold = _whole) -> Arrays:
    """Arrays of a Parquet file, or of several whose rows follow each other.

    Args:
        path: the file or the files.
        wanted: columns, and sides of images.
        pick: chooses rows by their labels; no others are decoded.
        hold: what becomes of images as they are decoded.

    Raises:
        DataError: a file is missing, empty or not Parquet, a column is not there, or cells cannot be read.
    """
    paths = [path] if isinstance(path, str) else list(path)
    source = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    for each in paths:
        _check(user_path(each))
    with scratch("arrow") as cache:  # the library's copy of the data
        try:
            with _quiet():
                files = [glob.escape(str(user_path(each).resolve())) for each in paths]
                table = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(cache))
        except Exception as error:  # the library lets errors of many others through
            raise DataError(f"{source} cannot be read as Parquet: {_line(error)}") from None
        return _arrays(table, source, wanted, pick, hold)


def read_hub(
    name: str, config: str | None, split: str, wanted: Wanted = USUAL, pick: Pick | None = None, hold: Hold = _whole
) -> Arrays:
    """Arrays of one split of a data set on the Hugging Face hub, or of its copy in the library's cache.

    Args:
        name: of the data set.
        config: which of its configurations; None takes the only one.
        split: such as 'train'.
        wanted: columns, and sides of images.
        pick: chooses rows by their labels; no others are decoded.
        hold: what becomes of images as they are decoded.

    Raises:
        DataError: it cannot be reached, a column is not there, or cells cannot be read.
    """
    try:
        with _quiet():
            table = datasets.load_dataset(name, config, split=split)
    except Exception as error:  # the library lets errors of many others through
        raise DataError(
            f"cannot get {name} from the Hugging Face hub ({_line(error)}): "
            "connect, or give path=... , a folder with its Parquet files"
        ) from None
    return _arrays(table, f"{name} ({split})", wanted, pick, hold)


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
        raise DataError(f"{file} is not a Parquet file, whatever its name says: it begins with {first!r}, not b'PAR1'")


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


@contextmanager
def _quiet() -> Iterator[None]:
    """Show neither progress bars nor log lines: the error says once what went wrong."""
    bars, level = datasets.is_progress_bar_enabled(), logging.root.manager.disable
    datasets.disable_progress_bars()
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)
        if bars:
            datasets.enable_progress_bars()


def _arrays(table: datasets.Dataset, source: str, wanted: Wanted, pick: Pick | None, hold: Hold) -> Arrays:
    if len(table) == 0:
        raise DataError(f"{source} holds no rows")
    inputs = wanted.x or _found(table, source)
    label = next((name for name in wanted.label if name in table.column_names), wanted.label[0])
    one = wanted.id or ("id" if "id" in table.column_names else "")
    whose = wanted.owner or ("owner" if "owner" in table.column_names else "")
    for name in (*inputs, label, *filter(None, (one, whose))):
        if name not in table.column_names:
            or_ = "".join(f" or {each!r}" for each in wanted.label[1:]) if name == label else ""
            raise DataError(f"{source} has no column {name!r}{or_}; it has {table.column_names}{suggest(name, table.column_names)}")
    y = _plain(table, label, source)
    rows = np.arange(len(table)) if pick is None else pick(y)
    ids = _plain(table, one, source)[rows] if one else rows
    part = table if pick is None else table.select(rows)
    kind = table.features[label]
    others = [n for n in table.column_names if n not in {*inputs, label, one, whose, "label", "id", "true", "owner"}]
    x, features = _inputs(part, inputs, source, wanted.side, hold)
    return Arrays(
        x,
        y[rows],
        ids,
        kind.num_classes if isinstance(kind, datasets.ClassLabel) else None,
        {n: _plain(part, n, source) for n in others if _is_plain(table.features[n])},
        _plain(table, whose, source)[rows] if whose else None,
        features,
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


def _inputs(
    table: datasets.Dataset, names: tuple[str, ...], source: str, side: int | None, hold: Hold
) -> tuple[Any, tuple[str, ...]]:
    """Inputs (n, ...), and the name of the column that each number of a row is from; images have none."""
    if len(names) == 1 and (_is_image(table.features[names[0]]) or getattr(table.features[names[0]], "dtype", "") == "binary"):
        images = table.select_columns(names[0]).cast_column(names[0], datasets.Image())
        return hold(_images(images, names[0], source, side), len(images)), ()
    columns = [_numbers(table, name, source) for name in names]
    features = tuple(name for name, column in zip(names, columns, strict=True) for _ in range(int(np.prod(column.shape[1:]))))
    return columns[0] if len(columns) == 1 and columns[0].ndim > 2 else np.concatenate(columns, axis=1), features


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
        raise DataError(f"{source}: column {name!r} does not hold numbers but {table.features[name]}")
    return array[:, None] if array.ndim == 1 else array


def _images(table: datasets.Dataset, name: str, source: str, side: int | None) -> Iterator[Array]:
    """All images in pieces, each decoded once, uint8 (b, c, h, w)."""
    shape: tuple[int, ...] | None = None
    for start in range(0, len(table), CHUNK):
        chunk = _decoded(table, name, source, start, side)
        shape = chunk[0].shape if shape is None else shape
        for row, array in enumerate(chunk, start):
            if array.shape != shape:
                raise DataError(
                    f"{source}: images differ in shape: row 0 has {shape}, row {row} has {array.shape}; make them alike"
                )
        yield np.stack(chunk)


def _decoded(table: datasets.Dataset, name: str, source: str, start: int, side: int | None) -> list[Array]:
    """One chunk of images from row ``start``."""
    try:
        cells = table[start : start + CHUNK][name]
    except Exception:  # the library lets errors of many others through
        row, error = _broken(table, start)
        raise DataError(f"{source}: column {name!r}, row {row}: {_line(error)}") from None
    images = []
    for row, image in enumerate(cells, start):
        if image is None:
            raise DataError(f"{source}: column {name!r} has no image in row {row}")
        try:
            images.append(pixels(image) if side is None else square(image, side))
        except DataError as error:
            raise DataError(f"{source}: column {name!r}, row {row}: {error}") from None
    return images


def _broken(table: datasets.Dataset, start: int) -> tuple[int, Exception]:
    """The first row of a chunk that cannot be decoded, and why."""
    for row in range(start, len(table)):
        try:
            table[row]
        except Exception as error:  # the library lets errors of many others through
            return row, error
    return start, DataError("the images of a chunk cannot be decoded together")
