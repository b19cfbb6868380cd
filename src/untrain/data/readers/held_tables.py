"""Tables of what Python holds: data frames, Hugging Face data sets, records, arrays by name, examples, readers, pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from untrain.core.errors import DataError, MissingExtra
from untrain.core.foreign import foreign
from untrain.core.metering import add_note
from untrain.data.examples import Examples
from untrain.data.readers.base import Array, Reader
from untrain.data.readers.held_arrays import is_empty, is_frame, is_sparse
from untrain.data.readers.pairs import array_or_file, pair_of
from untrain.data.readers.plain_columns import held_column
from untrain.data.tables import ColumnTable, held

INPUTS, TARGETS = ("x", "X", "images", "data", "features", "inputs"), ("y", "labels", "label", "targets", "target")
INDEX = "index"  # column of an index without a name


def held_table(source: Any) -> ColumnTable:
    """The rows of data that Python holds, column by column.

    Args:
        source: a data frame, a data set or an Arrow table, a list of records, a dictionary of columns, Examples, a reader, a torch
            Dataset, or a pair (x, y) of which x may be a sparse matrix or a data frame and y may be words.

    Raises:
        DataError: it is nothing of the kind.
    """
    library = type(source).__module__.partition(".")[0]
    if library == "datasets" or (library == "pyarrow" and hasattr(source, "column_names")):
        return _of_library(source)
    if is_frame(source):
        return _of_frame(source)
    if isinstance(source, Examples):
        return _of_examples(source)
    if isinstance(source, Reader):
        return _of_reader(source)
    if isinstance(source, Mapping):
        return _of_arrays(source)
    if isinstance(source, list | tuple) and source and all(isinstance(each, Mapping) for each in source):
        return records_table(source, "records", "the records")
    x, y = pair_of(source)
    if is_frame(x):
        frame = _of_frame(x)
        _refuse_unaligned(x, y)
        if "label" in frame.columns:
            raise DataError("x has a column 'label', and y holds labels too: drop the column, or give the frame alone")
        columns = {**frame.columns, "label": held_column("label", y)}
        return ColumnTable("data frame and labels", "the data frame", columns, empty=frame.empty, index=frame.index)
    inputs = _inputs(x)
    return ColumnTable("arrays", "the arrays", {"x": inputs, "label": held_column("label", y)}, images=("x",) * (inputs.ndim == 4))


def records_table(records: Sequence[Mapping[Any, Any]], kind: str, source: str) -> ColumnTable:
    """Records, such as lines of JSON, as columns.

    >>> records_table([{"id": 3, "text": "a"}, {"id": 4}], "records", "these").empty
    {'text': 1}

    Raises:
        DataError: a column holds what no column may.
    """
    columns, empty = {}, {}
    names = list(dict.fromkeys(name for record in records for name in record))
    _refuse_twice(list(map(str, names)), source)
    for name in names:
        columns[str(name)], count = held(str(name), [record.get(name) for record in records])
        if count:
            empty[str(name)] = count
    return ColumnTable(kind, source, columns, empty=empty)


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """The names of columns of inputs, labels and ids, whatever arrays are called; others, and second ones, keep theirs.

    >>> plain_names(["images", "features", "targets", "ids"])
    {'images': 'x', 'features': 'features', 'targets': 'label', 'ids': 'id'}
    """
    plain = {name: name for name in names}
    for role, known in (("x", INPUTS), ("label", ("label", *TARGETS)), ("id", ("id", "ids"))):
        found = next((name for name in known if name in plain), None)
        if found is not None:
            plain[found] = role
    return plain


def _refuse_twice(names: Sequence[str], source: str) -> None:
    """Refuse columns of which one would take the place of another.

    Raises:
        DataError: two have one name.
    """
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"two columns of {source} are called {twice!r}: give each a name of its own")


def _refuse_unaligned(x: Any, y: Any) -> None:
    """Refuse labels whose index is that of the inputs in another order: they would go to other rows.

    Raises:
        DataError: it is.
    """
    if not all(hasattr(getattr(each, "index", None), "to_numpy") for each in (x, y)):
        return
    ours, theirs = x.index.tolist(), y.index.tolist()
    if ours != theirs and len(ours) == len(theirs) and set(ours) == set(theirs):
        raise DataError("x and y have the same index in different orders: give y.loc[x.index]")


def _inputs(x: Any) -> Any:
    return x.tocsr() if is_sparse(x) else array_or_file(x, "x")


def _of_frame(frame: Any) -> ColumnTable:
    columns, empty = {}, {}
    _refuse_twice(list(map(str, frame.columns)), "the data frame")
    for name in frame.columns:
        columns[str(name)], empty[str(name)] = _cells(str(name), frame[name])
    index = _index(frame)
    if index is not None:
        columns = {index: _cells(index, frame.index)[0], **columns}
        if again := len(frame) - len(dict.fromkeys(columns[index].tolist())):
            add_note(
                f"the index of the data frame names {again} rows as it names others, and a request takes all rows of an id: "
                "frame.reset_index(drop=True) tells them apart"
            )
    empty = {name: count for name, count in empty.items() if count}
    return ColumnTable("data frame", "the data frame", columns, empty=empty, index=index or "")


def _cells(name: str, values: Any) -> tuple[Array, int]:
    array = held_column(name, values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values))
    if array.dtype != object:
        return array, 0
    return held(name, [None if is_empty(cell) else cell for cell in array.tolist()])


def _index(frame: Any) -> str | None:
    """A name for the index of a data frame; None where it only numbers the rows, or is none of one column.

    A frame whose rows were chosen from another keeps the index of that one, and users take ids from there.
    """
    index: Any = getattr(frame, "index", None)
    if not hasattr(index, "to_numpy") or getattr(index, "nlevels", 1) > 1:
        return None
    there = index.to_numpy()
    if there.dtype.kind in "iu" and bool((there == np.arange(len(there))).all()):
        return None
    name = str(index.name) if getattr(index, "name", None) is not None else INDEX
    return None if name in map(str, frame.columns) else name


def _of_library(source: Any) -> ColumnTable:
    try:
        from untrain.data.readers import dataset_tables
    except ModuleNotFoundError as error:
        raise MissingExtra(f"reading this needs {error.name}, which is not installed: pip install 'untrain[data]'") from None
    return dataset_tables.held_dataset(source)


def _of_examples(source: Examples) -> ColumnTable:
    x = np.asarray(source.x[:])
    columns = {"x": x, "label": np.asarray(source.y[:]), "id": np.asarray(source.ids)}
    more = {} if source.owner is None else {"owner": np.asarray(source.owner)}
    names = {"label": source.categories} if source.categories else {}
    return ColumnTable("examples", "the examples", {**columns, **more, **source.columns}, names, ("x",) if x.ndim == 4 else ())


def _of_reader(source: Reader) -> ColumnTable:
    with foreign(source, draws=True):
        read = source.read()
        names = source.class_names()
    more = {} if read.owner is None else {"owner": read.owner}
    columns = {"x": array_or_file(read.x, "x"), "label": read.y, "id": read.ids, **more, **read.columns}
    images = ("x",) if columns["x"].ndim == 4 else ()
    return ColumnTable(type(source).__name__, repr(source), columns, {"label": names} if names else {}, images)


def _of_arrays(source: Mapping[Any, Any]) -> ColumnTable:
    """A dictionary of columns, such as {'x': matrix, 'label': labels, 'id': ids}."""
    columns: dict[str, Any] = {}
    names = plain_names(map(str, source))
    _refuse_twice(list(map(str, source)), "the columns")
    for name, values in source.items():
        plain = names[str(name)]
        wide = is_sparse(values) or getattr(values, "ndim", 1) > 1
        columns[plain] = _inputs(values) if wide else held_column(plain, values)
    counts = {name: column.shape[0] if column.ndim else 0 for name, column in columns.items()}
    if len(set(counts.values())) > 1 or 0 in counts.values():
        raise DataError(f"the columns have different numbers of rows ({counts}): each needs one value per row")
    images = tuple(name for name, column in columns.items() if column.ndim == 4)
    return ColumnTable("columns", "the columns", columns, images=images)
