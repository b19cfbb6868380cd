"""Tables row by row: what is too large for memory can still be looked up by a key, and sampled."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import numpy as np

from untrain.core.errors import DataError, MissingExtra
from untrain.core.escapes import csv_cell
from untrain.core.room import free_memory
from untrain.data.readers.damage import reading
from untrain.data.readers.text_tables import SEPARATORS

TEXTS, LINES, PARQUET = (".csv", ".tsv"), (".jsonl", ".ndjson"), ".parquet"
BLOCK, HEAD = 65_536, 1 << 18  # rows of a block; letters at the beginning that show how a text is separated
# Bytes of memory for each byte of the file while it is read as a whole: at least so many, since cells are objects of Python.
TIMES = {**dict.fromkeys(TEXTS, 5), **dict.fromkeys(LINES, 5), PARQUET: 2}
Block = dict[str, list[str]]


def is_too_large(source: Any) -> bool:
    """Return whether a table is a file that surely does not fit into memory as a whole."""
    file = Path(source) if isinstance(source, str | Path) else None
    kind = "" if file is None else file.suffix.lower()
    if file is None or kind not in TIMES or not file.is_file():
        return False
    least = file.stat().st_size * TIMES[kind]
    if kind == PARQUET and free_memory() < 100 * least:  # it is packed, and its head says how large it is
        least = 2 * _arrow().parquet_size(file)
    return least > free_memory()


def too_large(source: Any) -> DataError:
    """The error of a table that is too large, with what can be done and what not."""
    return DataError(
        f"{source} is too large for memory: {Path(source).stat().st_size / 1e9:.1f} GB, with {free_memory() / 1e9:.1f} GB free; "
        "all rows are needed to train or forget: write inputs to disk in Python, as docs/large_data.md shows; `untrain inspect` "
        "shows a sample, and `untrain request add` looks up ids, owners and classes"
    )


def headings(file: Path) -> list[str]:
    """The names of the columns.

    Raises:
        DataError: it has none, or cannot be read.
    """
    kind = file.suffix.lower()
    if kind == PARQUET:
        return list(_arrow().parquet_headings(file))
    if kind in LINES:
        first = next(_records(file), {})
        return [str(name) for name in first]
    with _text(file) as text:
        return [csv_cell(cell).strip() for cell in next(csv.reader(text, delimiter=_separator(file)), [])]


def blocks(file: Path, names: Sequence[str]) -> Iterator[Block]:
    """Some columns as texts, block by block.

    Raises:
        DataError: there is no such column, or a row has more or fewer cells.
    """
    there = headings(file)
    for name in names:
        if name not in there:
            raise DataError(f"{file} has no column {name!r}; it has {', '.join(there[:10])}")
    kind = file.suffix.lower()
    if kind == PARQUET:
        yield from _arrow().parquet_blocks(file, names)
        return
    rows = _record_cells(file, names) if kind in LINES else _text_cells(file, [there.index(name) for name in names], len(there))
    while block := list(islice(rows, BLOCK)):
        yield dict(zip(names, map(list, zip(*block, strict=True)), strict=True))


def count_rows(file: Path) -> int:
    """Number of rows, by reading one column."""
    return sum(len(next(iter(block.values()))) for block in blocks(file, headings(file)[:1]))


def write_sample(file: Path, count: int, seed: int, out: Path) -> int:
    """Write so many rows, drawn at random, as a file of the same kind; the number of all rows."""
    whole = count_rows(file)
    rows = np.sort(np.random.default_rng(seed).choice(whole, min(count, whole), replace=False))
    if file.suffix.lower() == PARQUET:
        _arrow().parquet_sample(file, rows, out)
        return whole
    wanted = set(rows.tolist())
    with _text(file) as text, out.open("w", encoding="utf-8", newline="") as sample:
        if file.suffix.lower() in LINES:
            lines = (line for line in text if line.strip())
            sample.writelines(line.rstrip("\r\n") + "\n" for at, line in enumerate(lines) if at in wanted)
        else:
            separator = _separator(file)
            cells = (row for row in csv.reader(text, delimiter=separator) if any(cell.strip() for cell in row))
            writer = csv.writer(sample, delimiter=separator, lineterminator="\n")
            writer.writerow(next(cells))
            writer.writerows(row for at, row in enumerate(cells) if at in wanted)
    return whole


def _text(file: Path) -> TextIO:
    try:
        with file.open("rb") as raw:
            wide = raw.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        return file.open(encoding="utf-16" if wide else "utf-8-sig", newline="")
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}") from None


def _separator(file: Path) -> str:
    """The sign that makes the most columns, the same number in each of the first rows."""
    with reading(f"{file} cannot be read"), _text(file) as text:
        head = text.read(HEAD)
    lines = list(StringIO(head, newline=""))[: -1 if len(head) == HEAD else None]  # other signs than line ends do not end a row
    widths: dict[str, int] = {}
    for separator in SEPARATORS:
        found = {len(row) for row in csv.reader(lines, delimiter=separator) if any(cell.strip() for cell in row)}
        widths[separator] = found.pop() if len(found) == 1 else 0
    return max(widths, key=lambda each: widths[each])


def _text_cells(file: Path, places: Sequence[int], width: int) -> Iterator[list[str]]:
    with reading(f"{file} cannot be read"), _text(file) as text:
        rows = (row for row in csv.reader(text, delimiter=_separator(file)) if any(cell.strip() for cell in row))
        for at, row in enumerate(rows):
            if len(row) != width:
                raise DataError(f"{file}: row 1 has {width} columns and row {at + 1} has {len(row)}: each needs as many")
            if at:
                yield [csv_cell(row[place]).strip() for place in places]


def _records(file: Path) -> Iterator[dict[str, Any]]:
    with reading(f"{file} cannot be read"), _text(file) as text:
        for at, line in enumerate(text, 1):
            if not line.strip():
                continue
            record = json.loads(line)
            if not isinstance(record, dict):
                raise DataError(f"line {at} of {str(file)!r} is not an object")
            yield record


def _record_cells(file: Path, names: Sequence[str]) -> Iterator[list[str]]:
    for record in _records(file):
        yield ["" if record.get(name) is None else str(record[name]) for name in names]


def _arrow() -> ModuleType:
    try:
        from untrain.data.readers import arrow_stream
    except ImportError as error:
        raise MissingExtra(f"Parquet files need {error.name}: pip install 'untrain[data]'") from None
    return arrow_stream
