"""Lists of ids in files: .csv, .tsv, .txt, .npy and .npz, read as text; the data say which column and which lines are ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from untrain.core.errors import RequestError
from untrain.core.escapes import NUMBER, csv_cell
from untrain.core.paths import user_path
from untrain.data.id_index import Id, IdIndex, as_number
from untrain.data.readers.damage import reading
from untrain.data.readers.numpy_files import NUMPY, ZIP, Archive, read_numpy
from untrain.data.readers.text_tables import Rows, content, is_heading_word, tables

PLAIN = ("id", "ids")  # headings that nobody has to be shown where they are no ids of the data
KINDS = (".csv", ".tsv", ".txt", ".npy", ".npz")
Alike = Literal["ask", "same", "other"]
Gone = Literal["ask", "report", "refuse"]


@dataclass(frozen=True)
class Reading:
    """Settings to read a list of ids that can be read in several ways.

    Args:
        heading: whether the first line is a heading; None asks the data.
        column: name of the column of ids, or its number from 1; empty asks heading and data.
        alike: what a word is that looks like an id of the data and is written in another way, or that holds ids beside other text:
            the 'same', an 'other' one, or an error.
        gone: whether to 'report' or 'refuse' ids that the data lack; 'ask' refuses where none is known, or one may be mistyped.
    """

    heading: bool | None = None
    column: str = ""
    alike: Alike = "ask"
    gone: Gone = "ask"


@dataclass(frozen=True)
class _Column:
    """A column of a table: its words, its place from 0, the first row of the table, and how many words are ids of the data."""

    words: list[str]
    at: int
    first: list[str]
    separator: str
    hits: int

    @property
    def headed(self) -> bool:
        return is_heading_word(self.words[0])


def read_words(path: str | Path, index: IdIndex, how: Reading) -> tuple[list[Id], list[str], Reading]:
    """Read the ids that a file lists, as they stand there; what to know of how they were read; and whether one may be a heading.

    Raises:
        RequestError: the file is missing, empty, or not what its name says, or it can be read in several ways.
    """
    file = user_path(path)
    raw = content(file, KINDS, "ids")
    if not raw.strip():
        raise RequestError(f"{file} is empty: list at least one id")
    words: list[Id] = []
    remarks: list[str] = []
    if file.suffix.lower() in (".npy", ".npz"):
        words, how = _array(file, raw), replace(how, heading=False)
    else:
        column = _column(file, raw, index, how)
        words, remarks = [*column.words], _columns_left(column) + _apostrophes(column, index)
        if _has_heading(file, column, index, how):
            if column.words[0].strip().lower() not in PLAIN:
                remarks.append(f"the first line, {column.words[0].strip()!r}, is read as a heading")
            words, how = words[1:], replace(how, heading=True)
            if not words:
                raise RequestError(f"{file} has a heading and no id below it: list at least one")
    if not words:
        raise RequestError(f"{file} lists no id: list at least one")
    return words, remarks, how


def _column(file: Path, raw: bytes, index: IdIndex, how: Reading) -> _Column:
    """The column of ids: the one that is named, or the only one that can be it.

    Raises:
        RequestError: there is none, or several may be it.
    """
    by_separator = tables(file, raw)
    found = _without_lesser(list(_columns(by_separator, index)), index)
    if how.column:
        # A number is a column's place, and its first cell only where no column has this place.
        named = [c for c in found if how.column == str(c.at + 1)] or [c for c in found if how.column == c.words[0].strip()]
        if not named:
            there = [cell.strip() for cell in max((c.first for c in found), key=len, default=[])]
            raise RequestError(f"{file} has no column {how.column!r}; its first line has {there}")
        return max(named, key=lambda c: len(c.first))
    if not found:
        widths = {len(row) for rows in by_separator.values() for row in rows if any(map(str.strip, row))}
        if not widths:
            raise RequestError(f"{file} lists no id: list at least one")
        raise RequestError(f"{file} has {min(widths)} to {max(widths)} columns: each row needs as many, the id among them")
    fit = [c for c in found if c.hits]
    headed = [c for c in found if len(c.first) > 1 and c.headed and index.find(c.words[0]) is None]
    best = [c for c in headed if c.hits] if headed else fit
    single = [c for c in found if len(c.first) == 1]
    if headed and fit and not best:
        raise RequestError(
            f"{file} has a column {headed[0].words[0].strip()!r} without an id of the data, and {_shown(fit)} with some: name the "
            f"column of ids, {_option(file, f'column={_name(fit[0])!r}')}"
        )
    if not fit:
        chosen = single[:1] or headed
        if len(chosen) == 1:
            return chosen[0]
        raise RequestError(f"{file} has {len(found[0].first)} columns, and none holds an id of the data: give one with one column")
    # Only the heading 'id' says that another column with ids of the data is none of ids: that of a visit may be next to a person's.
    if len(best) == 1 and best[0].words[0].strip().lower() not in PLAIN:
        best = fit
    table = [c for c in found if c.separator == best[0].separator]
    if not headed and len(best[0].first) > 1 and all(_is_number(word) for c in table for word in c.words):
        best, doubt = table, True  # and '1,234' may be one number
    else:
        # Any column of small numbers holds ids of data that are numbered: its heading must say that it does.
        doubt = not headed and index.integers and len(best[0].first) > 1 and as_number(best[0].words[0]) is None
    if len(best) > 1 or doubt:
        raise RequestError(
            f"{file} has {len(best[0].first)} columns in row 1, and {_shown(best)} may be the ids: name the column of ids, "
            f"{_option(file, f'column={_name(best[0])!r}')}, or give one id per line"
        )
    return best[0]


def _columns(by_separator: dict[str, Rows], index: IdIndex) -> Iterator[_Column]:
    """All columns of the tables that have as many cells in each row, each once."""
    seen: set[tuple[str, ...]] = set()
    for separator, rows in by_separator.items():
        if len({len(row) for row in rows}) != 1:
            continue
        for at in range(len(rows[0])):
            words = [index.cell(row[at]) for row in rows]
            key = tuple(word.strip() for word in words)
            if key not in seen and any(key):
                seen.add(key)
                yield _Column(words, at, rows[0], separator, sum(index.find(word) is not None for word in words))


def _without_lesser(columns: list[_Column], index: IdIndex) -> list[_Column]:
    """Columns but those of one cell per row of which another such reading names all ids, and leaves no more words unread."""
    single = [c for c in columns if len(c.first) == 1]
    named = {id(c): {index.find(word) for word in c.words} - {None} for c in single}
    best: list[_Column] = []
    for c in single:
        if not any(named[id(c)] <= named[id(b)] and len(b.words) - b.hits <= len(c.words) - c.hits for b in best):
            best = [b for b in best if not (named[id(b)] <= named[id(c)] and len(c.words) - c.hits <= len(b.words) - b.hits)]
            best.append(c)
    return [c for c in columns if len(c.first) > 1 or c in best]


def _has_heading(file: Path, column: _Column, index: IdIndex, how: Reading) -> bool:
    """Return whether the first line is a heading, which no id of the data is.

    Raises:
        RequestError: it may be both.
    """
    first = column.words[0].strip()
    if how.heading is not None:
        return how.heading
    if index.find(column.words[0]) is not None:
        if is_heading_word(first, surely=True) and len(column.words) > 1:
            raise RequestError(
                f"{file} begins with {first!r}, which may be a heading and is an id of the data: say which, "
                f"{_option(file, 'heading=True')} or heading=False"
            )
        return False
    if index.inside(first) and how.alike != "other":
        return False  # it names somebody, and is asked about
    if index.integers:
        return column.headed or not any(each.isdigit() for each in first)
    if index.alike(first) or how.gone == "refuse":
        return column.headed and not index.alike(first)
    # Whatever else is no id of the data names nothing, be it a heading or an id that is gone, whose form tells it.
    return column.headed or (column.hits > 0 and index.near(first) is None and not index.is_formed(first))


def _columns_left(column: _Column) -> list[str]:
    if len(column.first) == 1:
        return []
    separated = "" if column.separator == "," else f", which {column.separator!r} separates,"
    return [f"ids are those of column {column.at + 1} of {len(column.first)}{separated} and the others are not read"]


def _apostrophes(column: _Column, index: IdIndex) -> list[str]:
    """Say which ids could also be others behind the apostrophe that ``csv_row`` writes."""
    both = [word for word in column.words if csv_cell(word) != word and index.find(csv_cell(word)) is not None]
    if not both:
        return []
    return [
        f"{len(both)} begin with an apostrophe, as do ids of the data, such as {both[0]!r}, which is not read as {both[0][1:]!r}"
    ]


def _is_number(word: str) -> bool:
    return NUMBER.fullmatch(word.strip()) is not None


def _name(column: _Column) -> str:
    word = column.words[0].strip()
    return word if word and as_number(word) is None else str(column.at + 1)


def _shown(columns: list[_Column]) -> str:
    places = [f"column {c.at + 1}" if len(c.first) > 1 else "the whole lines" for c in columns]
    return " and ".join(f"{place} ({c.words[0].strip()[:40]!r}, ...)" for place, c in zip(places[:3], columns, strict=False))


def _option(file: Path, option: str) -> str:
    return f"IdFile(path={str(file)!r}, {option})"


def _array(file: Path, raw: bytes) -> list[Id]:
    if not raw.startswith((NUMPY, *ZIP)):
        raise RequestError(f"{file} is not a NumPy array, whatever its name says: write it with numpy.save")
    with reading(f"{file} cannot be read as a plain array", RequestError):
        loaded = read_numpy(raw)
        array = loaded if isinstance(loaded, np.ndarray) else _only(loaded)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.ndim != 1 or array.dtype.kind not in "iuU":
        raise RequestError(f"{file} holds {array.dtype} of shape {array.shape}: whole numbers or text of shape (k,) are needed")
    return list(array.tolist())


def _only(arrays: Archive) -> np.ndarray[Any, Any]:
    names = [name for name in arrays if name in ("id", "ids")] or list(arrays)
    if len(names) != 1:
        raise ValueError(f"it holds {len(names)} arrays, and none is named 'id'")
    return arrays[names[0]]
