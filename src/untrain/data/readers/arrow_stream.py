"""Parquet files block by block, so that memory holds one block of some columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from pyarrow import parquet

from untrain.data.readers.damage import reading

BLOCK = 65_536  # rows


def parquet_size(file: Path) -> int:
    """Bytes of all columns of a Parquet file, unpacked, as its own head says."""
    with reading(f"{file} cannot be read as Parquet"):
        about = parquet.ParquetFile(file).metadata
        return sum(about.row_group(at).total_byte_size for at in range(about.num_row_groups))


def parquet_headings(file: Path) -> list[str]:
    """The names of the columns."""
    with reading(f"{file} cannot be read as Parquet"):
        return [str(name) for name in parquet.ParquetFile(file).schema_arrow.names]


def parquet_blocks(file: Path, names: Sequence[str]) -> Iterator[dict[str, list[str]]]:
    """Some columns as texts, block by block; an empty cell is an empty text."""
    with reading(f"{file} cannot be read as Parquet"):
        for batch in parquet.ParquetFile(file).iter_batches(BLOCK, columns=list(names)):
            cells = {name: batch.column(name).to_pylist() for name in names}
            yield {name: ["" if each is None else str(each) for each in column] for name, column in cells.items()}


def parquet_sample(file: Path, rows: np.ndarray[tuple[int], np.dtype[np.int64]], out: Path) -> None:
    """Write some rows, by their numbers in ascending order, as another Parquet file."""
    with reading(f"{file} cannot be read as Parquet"):
        whole, first = parquet.ParquetFile(file), 0
        with parquet.ParquetWriter(out, whole.schema_arrow) as writer:
            for batch in whole.iter_batches(BLOCK):
                here = rows[(rows >= first) & (rows < first + len(batch))] - first
                writer.write_batch(batch.take(here))
                first += len(batch)
