"""A sample of a table that is too large for memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from untrain.core.paths import user_path
from untrain.core.work_files import scratch
from untrain.data.readers.row_stream import write_sample
from untrain.data.readers.table_files import read_table
from untrain.data.tables import ColumnTable

ROWS = 20_000


def sampled_table(source: str | Path, side: int | None = None, rows: int | None = None, seed: int = 0) -> ColumnTable:
    """Read a table of rows drawn at random, the same each time, with a note on how many there are.

    Args:
        source: a .csv, .tsv, .parquet or .jsonl file.
        side: of images.
        rows: to draw; None for 20,000.
        seed: of the draw.

    Raises:
        DataError: it cannot be read.
    """
    file = user_path(source)
    with scratch("sample") as folder:
        drawn = folder / f"sample{file.suffix}"
        whole = write_sample(file, ROWS if rows is None else rows, seed, drawn)
        made = read_table(drawn, side, file.parent)  # beside which the images are that it names
    note = (
        f"{file.name} is too large for memory: this is a sample of {len(made):,} of its {whole:,} rows, drawn at random; counts, "
        "classes, ids and twins are those of the sample"
    )
    notes: tuple[Any, ...] = (note, *(each.replace(str(drawn), str(file)) for each in made.notes))
    return replace(made, source=str(file), notes=notes)
