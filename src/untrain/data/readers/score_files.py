"""Scores of examples by id, in files: .csv, .npz and .npy."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from untrain.core.errors import RequestError, UntrainError
from untrain.core.escapes import csv_cell
from untrain.data.examples import MEMORIZATION, Examples
from untrain.data.id_index import Id, IdIndex, some
from untrain.data.id_lists import match
from untrain.data.readers.damage import reading
from untrain.data.readers.id_files import Reading
from untrain.data.readers.numpy_files import read_numpy
from untrain.data.readers.text_tables import NUMPY, content, tables

WANTED = f"a heading 'id,{MEMORIZATION}' and one line per example"
EXACT = 2**53  # whole numbers beyond it are rounded in a table of floating-point numbers
Scores = tuple[list[Id], list[float]]


def scores(file: Path, train: Examples, strangers: bool) -> np.ndarray[Any, Any]:
    """Score of each training example, (n,); rows of one id share its score.

    Args:
        file: .csv or .tsv with columns 'id' and 'memorization', others left alone; .npz with arrays of these names; .npy with a
            table (k, 2) of ids, which are whole numbers there, and scores.
        train: the training data.
        strangers: whether to leave out ids that the training data lack; if not, they are refused.

    Raises:
        RequestError: the file cannot be read, has no ids, an id is not one, is listed twice, or is not in the training data,
            or an example has no score.
    """
    readers = {".csv": _lines, ".tsv": _lines, ".npz": _arrays, ".npy": _table}
    raw = content(file, list(readers), "scores")
    words, values = readers[file.suffix.lower()](file, raw)
    if not words:
        raise RequestError(f"{file} holds no score: list each training example")
    index = IdIndex(train.ids)
    cells = file.suffix.lower() in (".csv", ".tsv")
    listed = [_word(word, index) if cells else word for word in words]
    ids = match(listed, index, str(file), Reading(gone="report"))
    strange = [word for word, each in zip(listed, ids, strict=True) if each is None]
    known: dict[Id, float] = {}
    for each, value in zip(ids, values, strict=True):
        if each is not None and not _same(known.setdefault(each, value), value):
            scored = f"with the scores {known[each]:g} and {value:g}"
            raise RequestError(f"{file} lists {each!r} more than once, {scored}: give each id one")
    return _placed(file, known, strange, train, strangers)


def ids_of_table(file: Path, columns: Sequence[str]) -> list[str] | None:
    """The ids of a table of scores that has just these columns, as text; None where the file is not such a table.

    Args:
        file: .csv or .npz.
        columns: names, 'id' and the score's among them.
    """
    try:
        with reading(f"{file} cannot be read"):
            if file.suffix.lower() == ".npz":
                raw = content(file, [".npz"], "scores")
                arrays = read_numpy(raw)
                ours = not isinstance(arrays, np.ndarray) and {*arrays} == {*columns}
                return [str(each) for each in _arrays(file, raw)[0]] if ours else None
            raw = content(file, [".csv"], "scores")
            rows = tables(file, raw, WANTED).get(",", [])
            return [csv_cell(str(each)) for each in _lines(file, raw)[0]] if rows and rows[0] == [*columns] else None
    except UntrainError:
        return None


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _word(cell: Id, index: IdIndex) -> Id:
    """The id in a cell as untrain writes such files, in which each example is, or else as it stands there."""
    bare = csv_cell(str(cell))
    return bare if index.find(bare) is not None else index.cell(str(cell))


def _placed(file: Path, known: dict[Id, float], strange: list[Id], train: Examples, strangers: bool) -> np.ndarray[Any, Any]:
    rows = train.ids.tolist()
    missing = [i for i in dict.fromkeys(rows) if i not in known]
    if missing:
        raise RequestError(f"{file} has no score for {len(missing)} of {len(set(rows))} training ids: {some(missing)}")
    if strange and not strangers:
        lacked = some(strange, bare=not isinstance(rows[0], str))
        raise RequestError(
            f"{file} scores {len(strange)} ids that the training data lack: {lacked}; where it is of a larger set, of which these "
            "data are a part, say others='ignore'"
        )
    return np.asarray([known[i] for i in rows])


def _lines(file: Path, raw: bytes) -> Scores:
    by_separator = tables(file, raw, WANTED)
    heads = {separator: [cell.strip() for cell in rows[0]] for separator, rows in by_separator.items() if rows}
    full = [separator for separator, cells in heads.items() if {"id", MEMORIZATION} <= set(cells)]
    separator = full[0] if full else ","
    rows, head = by_separator.get(separator, []), heads.get(separator, [])
    for name in ("id", MEMORIZATION):
        if head.count(name) != 1:
            first = ",".join(head)[:60]
            raise RequestError(f"{file} has no column {name!r} of its own; its first line is {first!r}: give {WANTED}")
    at, of = head.index("id"), head.index(MEMORIZATION)
    for number, row in enumerate(rows, 1):
        if len(row) != len(head):
            raise RequestError(f"{file} has {len(row)} columns in row {number} and {len(head)} in its heading: have as many")
    # Text may begin or end with a space, or hold a line break: as it stands it is the id.
    return [row[at] for row in rows[1:]], [_number(file, row[of].strip()) for row in rows[1:]]


def _number(file: Path, text: str) -> float:
    if not re.fullmatch(r"nan|[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.ASCII | re.IGNORECASE):
        raise RequestError(f"{file} gives the score {text[:40]!r}: a number from -1 to 1 is needed")
    return float(text)


def _arrays(file: Path, raw: bytes) -> Scores:
    with reading(f"{file} cannot be read as plain arrays", RequestError):
        arrays = read_numpy(raw)
        if isinstance(arrays, np.ndarray):
            raise RequestError(f"{file} is a .npy array, whatever its name says: name it so")
        lack = [name for name in ("id", MEMORIZATION) if name not in arrays]
        if lack:
            there = ", ".join(list(arrays)[:5])
            raise RequestError(f"{file} has no array {lack[0]!r}; there is {there}: id and {MEMORIZATION} are needed")
        ids, values = arrays["id"], arrays[MEMORIZATION]
    if ids.ndim != 1 or ids.dtype.kind not in "iuU" or values.shape != ids.shape or values.dtype.kind not in "fiu":
        raise RequestError(
            f"{file} holds ids {ids.dtype} of shape {ids.shape} and scores {values.dtype} of shape {values.shape}: whole numbers "
            "or text (k,) and numbers (k,) are needed"
        )
    return list(ids.tolist()), [float(v) for v in values.tolist()]


def _table(file: Path, raw: bytes) -> Scores:
    if not raw.startswith(NUMPY):
        raise RequestError(f"{file} is not a NumPy array, whatever its name says: write it with numpy.save")
    with reading(f"{file} cannot be read as a plain array", RequestError):
        table = np.asarray(read_numpy(raw))
    if table.ndim != 2 or table.shape[1] != 2 or table.dtype.kind not in "fiu":
        raise RequestError(
            f"{file} holds {table.dtype} of shape {table.shape}, which lacks ids: a table (k, 2) of ids and scores is needed, or "
            ".csv or .npz, where ids may be text"
        )
    if not (np.isfinite(table[:, 0]) & (table[:, 0] == np.floor(table[:, 0]))).all():
        raise RequestError(f"{file} has ids that are not whole numbers in its first column: give .csv or .npz for other ids")
    if table.dtype.kind == "f" and (abs(table[:, 0]) >= EXACT).any():
        raise RequestError(f"{file} has ids of {EXACT:,} or more, which {table.dtype} rounds: give whole ones, in .csv or .npz")
    return [int(i) for i in table[:, 0]], [float(v) for v in table[:, 1]]
