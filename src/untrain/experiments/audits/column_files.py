"""Labels, sides and ids of examples, one per row, from arrays and files."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from untrain.core.errors import DataError, RequestError
from untrain.core.metering import add_note
from untrain.core.paths import user_path
from untrain.core.spec import parse
from untrain.data.id_index import Id, IdIndex, some
from untrain.data.id_lists import ids_named, match
from untrain.data.readers.id_files import KINDS, PLAIN, Reading
from untrain.data.readers.plain_columns import held_column
from untrain.data.readers.text_tables import content, is_heading_word, table
from untrain.data.requests.idfile import IdFile
from untrain.experiments.audits.array_files import SIDE_OF, read_arrays

Array = np.ndarray[Any, Any]
TEXT = (".csv", ".tsv", ".txt")
LABELS = frozenset({"label", "labels", "y", "target", "targets", "class"})
SPELLED = re.compile(r"\s*IdFile\(")


def read_labels(source: Any) -> Array:
    """Labels, one per row, from an array, a list or the path of a .npy, .npz, .safetensors, .csv, .tsv or .txt file.

    Raises:
        DataError: they cannot be read, or are not a single column.
    """
    if not _is_text(source):
        return _array(source, "labels")
    rows = _rows(source, "labels")
    words = [row[0] for row in _single(rows, source, "labels")]
    if words[0].lower() in LABELS or (len(words) > 1 and not _is_number(words[0]) and all(map(_is_number, words[1:]))):
        words = _below(words, source, "labels")
    return np.array(words).astype(np.int64) if all(map(_is_number, words)) else np.array(words)


def read_ids(source: Any, sizes: Collection[int]) -> Array:
    """Ids, one per row, from what ``read_labels`` takes; those of a text file stay text.

    Args:
        source: where they are.
        sizes: how many examples there may be, which tells a heading from an id.

    Raises:
        DataError: they cannot be read, or are not a single column.
    """
    if not _is_text(source):
        return _array(source, "ids")
    rows = _rows(source, "ids")
    if len(rows[0]) > 1:
        headed = [at for at, word in enumerate(rows[0]) if is_heading_word(word)]
        if len(headed) != 1:
            _single(rows, source, "ids")
        add_note(f"{source}: ids are those of column {headed[0] + 1} of {len(rows[0])}, and the others are not read")
        rows = [[row[headed[0]]] for row in rows]
    words = [row[0] for row in rows]
    if _is_heading(len(words), sizes, is_heading_word(words[0])):
        words = _below(words, source, "ids")
    return np.array(words)


def read_sides(source: Any) -> tuple[Array, Array | None]:
    """Sides, and the ids before them where a text file has two columns.

    Raises:
        DataError: they cannot be read.
    """
    if not _is_text(source):
        return _array(source, "sides"), None
    rows = _rows(source, "sides")
    two = len(rows[0]) == 2
    if not two:
        _single(rows, source, "sides")
    if rows[0][-1] not in SIDE_OF and any(row[-1] in SIDE_OF for row in rows[1:]):
        rows = _below(rows, source, "sides")
    columns = np.array(rows)
    return columns[:, -1], columns[:, 0] if two else None


def sides_by_id(sides: Array, beside: Array, ids: Array) -> Array:
    """Sides in the order of the examples, of a file that has them beside ids.

    Args:
        sides: of the file, (n,).
        beside: the ids there, (n,).
        ids: of the examples, in their order, (n,).

    Raises:
        DataError: the file has other ids, or one of them twice.
    """
    try:
        named = match(beside.tolist(), IdIndex(ids), "sides", Reading(gone="refuse"), "ids")
    except RequestError as error:
        raise DataError(str(error)) from None
    side_of = dict(zip(named, sides.tolist(), strict=True))
    lacking = [each for each in ids.tolist() if each not in side_of]
    if lacking:
        raise DataError(f"sides lists {len(lacking)} of the ids not at all, and others again: {some(lacking)} have no side")
    if named != ids.tolist():
        add_note("sides are in another order than ids, and are joined by id")
    return np.array([side_of[each] for each in ids.tolist()])


def read_listed(source: Any, index: IdIndex, who: str) -> list[Id]:
    """Ids of the examples that a list names, each once: a file, an ``IdFile`` or its spelling, an array or any other list.

    Args:
        source: the list.
        index: ids of the examples.
        who: name of the list in messages.

    Raises:
        DataError: it cannot be read, can be read in several ways, or names none of the examples.
    """
    data = "the audited examples"
    try:
        if isinstance(source, str) and SPELLED.match(source):
            source = parse(source)
        if isinstance(source, IdFile):
            return source.ids(index, data)
        if isinstance(source, str | Path) and Path(source).suffix.lower() in KINDS:
            return IdFile(path=str(source)).ids(index, data)
        words = list(_array(source, who).ravel().tolist())
        if not words:
            raise DataError(f"the list of {who} is empty: name at least one")
        return ids_named(words, index, f"the list of {who}", data=data)
    except RequestError as error:
        raise DataError(f"{who}: {error}") from None


def _is_text(source: Any) -> bool:
    return isinstance(source, str | Path) and Path(source).suffix.lower() in TEXT


def _array(source: Any, name: str) -> Array:
    if isinstance(source, str | Path):
        arrays = read_arrays(user_path(source), name)
        if len(arrays) != 1:
            raise DataError(f"{name}: {Path(source).name} holds {sorted(arrays) or 'no array'}: one array is needed")
        source = next(iter(arrays.values()))
    array = held_column(name, source)
    if array.dtype.kind in "OSV":
        raise DataError(f"{name} hold {_mixed(array)}: numbers or text are needed")
    return array


def _mixed(array: Array) -> str:
    """Contents of a column without a plain type, by the kinds of its cells."""
    kinds = sorted({type(cell).__name__ for cell in array.ravel().tolist()})
    return f"Python objects of {'the types' if len(kinds) > 1 else 'the type'} {', '.join(kinds)}"


def _rows(source: str | Path, name: str) -> list[list[str]]:
    path = user_path(source)
    if not path.exists():
        raise DataError(f"{name}: there is no file {path}")
    try:
        rows = table(path, content(path, TEXT, name), "one line per example")
    except RequestError as error:
        raise DataError(f"{name}: {error}") from None
    if not rows:
        raise DataError(f"{name}: {path.name} is empty: one line per example is needed")
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise DataError(f"{name}: rows of {path.name} have {min(widths)} to {max(widths)} columns: all rows need as many")
    return rows


def _single(rows: list[list[str]], source: str | Path, name: str) -> list[list[str]]:
    if len(rows[0]) != 1:
        raise DataError(f"{name}: {Path(source).name} has {len(rows[0])} columns: one is needed")
    return rows


def _below(rows: Sequence[Any], source: str | Path, name: str) -> Any:
    if len(rows) < 2:
        raise DataError(f"{name}: {Path(source).name} is empty below its heading: one line per example is needed")
    first = rows[0] if isinstance(rows[0], str) else ",".join(rows[0])
    if not set(first.lower().split(",")) <= {*LABELS, *PLAIN, "side", "sides"}:
        add_note(f"{source}: the first line, {first[:60]!r}, is read as a heading")
    return rows[1:]


def _is_heading(lines: int, sizes: Collection[int], usual: bool) -> bool:
    """Return whether the first line is a heading, by the number of examples, and by its word where that decides nothing."""
    if (lines in sizes) != (lines - 1 in sizes):
        return lines - 1 in sizes
    return usual


def _is_number(word: str) -> bool:
    return re.fullmatch(r"[+-]?\d{1,18}", word, re.ASCII) is not None
