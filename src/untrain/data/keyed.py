"""Ids of data that are too large for memory, by a key: the file is read block by block, and what a request may mean is kept."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from untrain.core.errors import DataError, RequestError, suggest
from untrain.data.id_index import look
from untrain.data.readers.row_stream import blocks, headings
from untrain.data.readers.text_tables import is_heading_word
from untrain.data.tables import WHOLE

Array = np.ndarray[Any, Any]
OTHERS = 1_000  # ids that nobody asked for, by which the form of ids is known
SHOWN = 100  # values of a column that a message may suggest


def id_column(file: Path, chosen: str) -> str:
    """The column of ids: the one that is named, or the only one that is headed as ids are.

    Raises:
        DataError: none is, or several.
    """
    there = headings(file)
    if chosen:
        return chosen
    headed = [name for name in there if name.lower() in ("id", "ids")] or [n for n in there if is_heading_word(n, surely=True)]
    if len(headed) != 1:
        several = f"several may be it: {', '.join(headed)}" if headed else f"it has {', '.join(there[:10])}"
        raise DataError(f"{file} is looked up by a column of ids, and {several}; name it, of a service by --option id=COLUMN")
    return headed[0]


def ids_like(file: Path, column: str, words: Collection[str]) -> Array:
    """Ids of the data that words may mean, and some others, as numbers where all ids of the data are whole numbers.

    Memory holds one block, the words, and the ids that look like one of them.

    Args:
        file: of the data.
        column: of its ids.
        words: cells of a list of ids.
    """
    parts = {*words, *(part for word in words for part in re.split(r"[\s,;|]+", word) if part)}
    wanted = set(map(_look, parts))
    kept: dict[str, None] = {}
    others: dict[str, None] = {}
    whole = True
    for block in blocks(file, [column]):
        cells = block[column]
        if not all(cells):
            raise DataError(f"{file}: rows have no id in {column!r}: fill them")
        whole = whole and all(map(WHOLE.fullmatch, cells))
        kept.update(dict.fromkeys(cell for cell in cells if _look(cell) in wanted))
        if len(others) < OTHERS:
            others.update(dict.fromkeys(cells[:OTHERS]))
    ids = [*kept, *(each for each in list(others)[:OTHERS] if each not in kept)]
    if not ids:
        raise DataError(f"{file} holds no rows: give data with at least one")
    return np.array(list(map(int, ids))) if whole else np.array(ids, dtype=str)


def _look(word: str) -> str:
    """The form that words share which may mean the same, be they text or numbers with a sign."""
    return look(word.strip().removeprefix("+"))


def ids_with(file: Path, column: str, of: str, values: Sequence[str]) -> list[str] | list[int]:
    """Ids of the rows of which a column has one of some values, as numbers where all ids of the data are whole numbers.

    Raises:
        RequestError: a value is nowhere in the column, or all rows have one.
    """
    wanted, found, seen, others = set(map(str, values)), dict[str, None](), set[str](), dict[str, None]()
    whole = True
    for block in blocks(file, list(dict.fromkeys([column, of]))):
        whole = whole and all(map(WHOLE.fullmatch, block[column]))
        for one, value in zip(block[column], block[of], strict=True):
            if value in wanted:
                seen.add(value)
                found[one] = None
            elif len(others) < SHOWN:
                others[value] = None
    if missing := sorted(wanted - seen):
        there = ", ".join(list(others)[:5])
        raise RequestError(f"no row has {missing[0]!r} in {of!r}; there is {there}{suggest(missing[0], others)}")
    if found and not others:
        raise RequestError(f"{of!r} is one of these in all rows of {file.name}: nothing would be left")
    return list(dict.fromkeys(map(int, found))) if whole else list(found)
