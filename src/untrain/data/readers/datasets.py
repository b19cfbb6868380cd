"""Hugging Face datasets: from Parquet, or from the hub, to plain arrays."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
from pyarrow import parquet

from untrain.core.errors import DataError, suggest
from untrain.core.metering import add_note
from untrain.core.paths import user_path
from untrain.core.work_files import scratch
from untrain.data.readers.arrow_columns import needed, numbers, optional
from untrain.data.readers.base import RESERVED, Array, Arrays
from untrain.data.readers.damage import check_room, reading
from untrain.data.readers.dataset_columns import column_of, is_image, is_plain, quiet
from untrain.data.readers.file_kinds import LOOKED_AT, kind_of
from untrain.data.readers.held_arrays import note_pixels
from untrain.data.readers.pillow import Decoder

CHUNK = 256
LEAST = 4  # bytes of a number in Parquet before it is packed


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
        check_parquet(user_path(each))
    with scratch("arrow") as cache:  # the library's copy of the data
        try:
            with quiet():
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
        with quiet():
            table = datasets.load_dataset(name, config, split=split)
    except Exception as error:  # the library lets errors of many others through
        raise DataError(
            f"cannot get {name} from the Hugging Face hub ({_line(error)}): "
            "connect, or give path=... , a folder with its Parquet files"
        ) from None
    return _arrays(table, f"{name} ({split})", wanted, pick, hold)


def read_parts(name: str, config: str) -> dict[str, list[dict[str, Any]]]:
    """The records of each split of one configuration of a data set on the hub, or of its copy in the library's cache.

    Args:
        name: of the data set.
        config: which of its configurations.

    Raises:
        DataError: it cannot be reached.
    """
    try:
        with quiet():
            parts = datasets.load_dataset(name, config)
    except Exception as error:  # the library lets errors of many others through
        raise DataError(
            f"cannot get {config} of {name} from the Hugging Face hub ({_line(error)}): "
            "connect, or give path=... , a folder with its files"
        ) from None
    return {str(split): [dict(record) for record in part] for split, part in parts.items()}


def check_parquet(file: Path) -> None:
    """Refuse a file that is not Parquet, or would unpack to far more than its size.

    Raises:
        DataError: it is one.
    """
    if not file.is_file():
        raise DataError(f"there is no file {str(file)!r}" + (": it is a folder" if file.is_dir() else ""))
    try:
        with file.open("rb") as opened:
            start = opened.read(LOOKED_AT)
    except OSError as error:
        raise DataError(f"cannot read {str(file)!r}: {error.strerror or error}") from None
    if not start:
        raise DataError(f"{file} is empty: a Parquet file was expected")
    if not start.startswith(b"PAR1"):
        is_what = kind_of(start) or f"it begins with {start[:4]!r}, not b'PAR1'"
        raise DataError(f"{file} is not a Parquet file, whatever its name says: {is_what}")
    with reading(f"{file} cannot be read as Parquet"):
        about = parquet.read_metadata(file)
        groups = [about.row_group(at) for at in range(about.num_row_groups)]
        parts = [group.column(at) for group in groups for at in range(group.num_columns)]
        size = sum(max(part.total_uncompressed_size, LEAST * part.num_values) for part in parts)
        check_room(size, file.stat().st_size, "write it without compression and dictionaries")


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


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
    y = needed(column_of(table, label), label, source)
    rows = np.arange(len(table)) if pick is None else pick(y)
    ids = needed(column_of(table, one), one, source)[rows] if one else rows
    part = table if pick is None else table.select(rows)
    kind = table.features[label]
    x, features = _inputs(part, inputs, source, wanted.side, hold)
    return Arrays(
        x,
        y[rows],
        ids,
        kind.num_classes if isinstance(kind, datasets.ClassLabel) else None,
        _further(part, {*inputs, label, one, whose}, source),
        needed(column_of(table, whose), whose, source)[rows] if whose else None,
        features,
    )


def _found(table: datasets.Dataset, source: str) -> tuple[str, ...]:
    images = [name for name, kind in table.features.items() if is_image(kind)]
    if len(images) == 1:
        return (images[0],)
    raise DataError(
        f"{source} has {len(images) or 'no'} image columns: name the inputs with x=('...',); it has {table.column_names}"
    )


def _further(table: datasets.Dataset, taken: set[str], source: str) -> dict[str, Array]:
    """Further columns of plain values; a note names those that are left out."""
    columns, left = {}, []
    for name in table.column_names:
        if name in taken:
            continue
        if name in RESERVED or not is_plain(table.features[name]):
            left.append(name)
        elif (array := optional(column_of(table, name), name, source)) is not None:
            columns[name] = array
    if left:
        add_note(f"{source}: {len(left)} columns that nobody needs are not read, such as {left[0]!r}")
    return columns


def _inputs(
    table: datasets.Dataset, names: tuple[str, ...], source: str, side: int | None, hold: Hold
) -> tuple[Any, tuple[str, ...]]:
    """Inputs (n, ...), and the name of the column that each number of a row is from; images have none."""
    if len(names) == 1 and (is_image(table.features[names[0]]) or getattr(table.features[names[0]], "dtype", "") == "binary"):
        images = table.select_columns(names[0]).cast_column(names[0], datasets.Image(decode=False))
        return hold(_images(images, names[0], source, side), len(images)), ()
    columns = [numbers(column_of(table, name), name, source) for name in names]
    if all(column.shape[1:] == (1,) for column in columns):
        note_pixels(source, names, columns)
    features = tuple(name for name, column in zip(names, columns, strict=True) for _ in range(int(np.prod(column.shape[1:]))))
    return columns[0] if len(columns) == 1 and columns[0].ndim > 2 else np.concatenate(columns, axis=1), features


def _images(table: datasets.Dataset, name: str, source: str, side: int | None) -> Iterator[Array]:
    """All images in pieces, each decoded once, uint8 (b, c, h, w)."""
    shape: tuple[int, ...] | None = None
    decode = Decoder(side)
    for start in range(0, len(table), CHUNK):
        chunk = _decoded(table, name, source, start, decode)
        shape = chunk[0].shape if shape is None else shape
        for row, array in enumerate(chunk, start):
            if array.shape != shape:
                raise DataError(
                    f"{source}: images differ in shape: row 0 has {shape}, row {row} has {array.shape}; make them alike"
                )
        yield np.stack(chunk)
    decode.note(source)


def _decoded(table: datasets.Dataset, name: str, source: str, start: int, decode: Decoder) -> list[Array]:
    """One chunk of images from row ``start``: the bytes of the cells alone, as what a cell names is anybody's."""
    with reading(f"{source}: column {name!r} from row {start} on"):
        cells = table[start : start + CHUNK][name]
    images = []
    for row, cell in enumerate(cells, start):
        if cell is None or cell["bytes"] is None:
            named = (cell or {}).get("path")
            if named is None:
                raise DataError(f"{source}: column {name!r} has no image in row {row}")
            raise DataError(
                f"{source}: column {name!r} holds no image in row {row} but names {str(named)[:60]!r}, and what a cell names is "
                "neither opened nor fetched: store the bytes of the images, or read the files with ImageFolder"
            )
        images.append(decode.image(cell["bytes"], f"{source}: column {name!r}, row {row}"))
    return images
