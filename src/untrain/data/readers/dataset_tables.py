"""Tables of Hugging Face datasets: Parquet files, and data sets that ``save_to_disk`` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
from pyarrow import parquet

from untrain.core.errors import DataError
from untrain.data.readers.arrow_columns import numbers
from untrain.data.readers.damage import reading
from untrain.data.readers.dataset_columns import column_of, is_image, is_plain, quiet
from untrain.data.readers.datasets import check_parquet
from untrain.data.readers.pillow import Decoder
from untrain.data.readers.plain_columns import held_column
from untrain.data.tables import ColumnTable, held, stacked

Array = np.ndarray[Any, Any]


def parquet_table(file: Path, side: int | None) -> ColumnTable:
    """The columns of a Parquet file.

    Raises:
        DataError: it cannot be read.
    """
    check_parquet(file)
    with reading(f"{file} cannot be read as Parquet"), quiet():
        made = datasets.Dataset(parquet.read_table(file))
    return _of(made, "Parquet file", str(file), side)


def saved_table(folder: Path, side: int | None) -> ColumnTable:
    """The columns of a data set that ``save_to_disk`` wrote; of several splits that called 'train', or the only one.

    Raises:
        DataError: it cannot be read, or no split is called 'train'.
    """
    with reading(f"{folder} cannot be read as a data set that was saved to disk"), quiet():
        made = datasets.load_from_disk(str(folder))
    return _chosen(made, str(folder), side)


def held_dataset(made: Any, side: int | None = None) -> ColumnTable:
    """The columns of a data set that Python holds, or of a table of Arrow.

    Raises:
        DataError: it can only be iterated, or has several splits of which none is called 'train'.
    """
    if isinstance(made, datasets.IterableDataset | datasets.IterableDatasetDict):
        raise DataError("a data set that streams has no fixed rows: load it without streaming=True, or save it by save_to_disk")
    with quiet():
        whole = made if isinstance(made, datasets.Dataset | datasets.DatasetDict) else datasets.Dataset(made)
    return _chosen(whole, "the data set", side)


def _chosen(made: Any, source: str, side: int | None) -> ColumnTable:
    notes: tuple[str, ...] = ()
    if isinstance(made, datasets.DatasetDict):
        splits = list(made)
        chosen = "train" if "train" in made else splits[0] if len(splits) == 1 else ""
        if not chosen:
            raise DataError(f"{source} holds the splits {splits}: name the folder of one, such as {source}/{splits[0]}")
        made = made[chosen]
        others = ", ".join(each for each in splits if each != chosen)
        notes = (f"of {source} the split {chosen!r} is read" + (f", and not {others}" if others else ""),)
    return _of(made, "Hugging Face data set", source, side, notes)


def _of(made: datasets.Dataset, kind: str, source: str, side: int | None, notes: tuple[str, ...] = ()) -> ColumnTable:
    columns: dict[str, Array] = {}
    names: dict[str, tuple[str, ...]] = {}
    images: list[str] = []
    empty: dict[str, int] = {}
    left: list[str] = []
    for name, feature in made.features.items():
        if is_image(feature):
            columns[name] = stacked(_images(made, name, source, side))
            images.append(name)
        elif is_plain(feature):
            cells = column_of(made, name)
            if isinstance(feature, datasets.ClassLabel):
                names[name] = tuple(feature.names)
            if cells.null_count:
                columns[name], empty[name] = held(name, cells.to_pylist())
            else:
                columns[name] = held_column(name, np.asarray(cells.to_numpy()))
        else:
            try:
                columns[name] = numbers(column_of(made, name), name, source)
            except DataError:
                left.append(name)
    more = (f"{source}: columns that are neither plain values nor images are left out: {', '.join(left)}",) if left else ()
    return ColumnTable(kind, source, columns, names, tuple(images), empty, (*notes, *more))


def _images(made: datasets.Dataset, name: str, source: str, side: int | None) -> list[Array]:
    """Every image, uint8 (c, h, w), of the bytes in its cell; what a cell merely names is not opened."""
    decode, images = Decoder(side), []
    for row, cell in enumerate(made.select_columns(name).cast_column(name, datasets.Image(decode=False))):
        content = (cell[name] or {}).get("bytes")
        if content is None:
            raise DataError(f"{source}: column {name!r} holds no bytes of an image in row {row}: save the data with its images")
        images.append(decode.image(content, f"{source}: column {name!r}, row {row}"))
    decode.note(source)
    return images
