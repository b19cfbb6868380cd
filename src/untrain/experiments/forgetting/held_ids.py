"""Ids and masks that Python holds, as lists; refused where they may name other rows than are meant."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.core.errors import RequestError
from untrain.data.column_roles import listed
from untrain.data.examples import Examples
from untrain.data.readers.held_arrays import is_empty, is_frame
from untrain.data.understood import Understood

HELD = "such as forget=frame['id']"


def in_order(forget: Any, data: Understood) -> Any:
    """Put a mask with an index, as data frames have, in the order of the data, and refuse columns other than that of the ids.

    >>> from untrain.data.understood import understand
    >>> in_order([3, 5], understand(([[0.0], [1.0]], [0, 1])))
    [3, 5]

    Args:
        forget: as a user gives it; what has no name and no index stays as it is.
        data: whose rows it names.

    Raises:
        RequestError: it is a column or an index of the data, and another column has the ids.
    """
    column = forget[forget.columns[0]] if is_frame(forget) and len(forget.columns) == 1 else forget
    if is_frame(column) or not hasattr(column, "to_numpy"):
        return forget
    table, ids = data.table, data.roles.id
    if not _is_mask(column.tolist() if hasattr(column, "tolist") else column.to_list()):
        name, own = getattr(column, "name", None), ids or "the row numbers"
        other = f"the column {name!r} of the data" if name in table.columns and name != ids else ""
        if hasattr(column, "nlevels") and name != ids and ids not in ("", table.index):
            other = "the index of a data frame"
        if other:
            raise RequestError(f"forget is {other}, and ids are {f'those of {own!r}' if ids else own}: give those")
        return forget
    if not hasattr(column, "index") or callable(column.index):
        return forget
    there = table.columns[table.index] if table.index else np.arange(len(data))
    own, places = column.index.tolist(), {each: at for at, each in enumerate(there.tolist())}
    if len(own) != len(places) or len(places) != len(there) or set(own) != set(places):
        return forget
    marks = np.zeros(len(data), dtype=bool)
    marks[[places[each] for each in own]] = column.to_numpy().astype(bool)
    return marks


def held_ids(forget: Any, column: str, train: Examples) -> list[Any]:
    """Ids that Python holds: a list, an array, a column or an index; or of a mask with one truth value per row, those it marks.

    Raises:
        RequestError: a data frame of several columns, zeros and ones for truth values, or a mask of another length than the data,
            or one that tells rows of the same id apart.
    """
    if is_frame(forget):
        names = list(forget.columns)
        if column not in names and len(names) != 1:
            raise RequestError(
                f"a data frame with the columns {listed(list(map(str, names)))} names no ids: give one of them, {HELD}"
            )
        forget = forget[column if column in names else names[0]]
    held = list(forget) if isinstance(forget, list | tuple | set | frozenset) else np.asarray(forget).reshape(-1).tolist()
    if not _is_mask(held):
        if len(held) == len(train) > 2 and {0, 1} == set(map(_plain, held)):
            raise RequestError(f"forget holds {len(held)} zeros and ones, one per row: of a mask give truth values, as mask == 1")
        return held
    if len(held) != len(train):
        raise RequestError(f"a mask has {len(held)} truth values, and the data {len(train)} rows: give one per row, or ids")
    marks = np.asarray(held, dtype=bool)
    marked = dict.fromkeys(train.ids[marks].tolist())
    if both := marked.keys() & set(train.ids[~marks].tolist()):
        raise RequestError(
            f"a mask marks one row of the id {next(iter(both))!r} and not another: give the data ids that differ, as by "
            "frame.reset_index(drop=True)"
        )
    return list(marked)


def _is_mask(cells: list[Any]) -> bool:
    """Return whether cells are truth values.

    Raises:
        RequestError: some are, and others are empty.
    """
    truths = [isinstance(each, bool | np.bool_) for each in cells]
    others = [each for each, truth in zip(cells, truths, strict=True) if not truth]
    if any(truths) and others and all(map(is_empty, others)):
        raise RequestError(f"a mask has {len(others)} empty cells: say of each row whether it goes, as by mask.fillna(False)")
    return bool(cells) and not others


def _plain(cell: Any) -> Any:
    return cell if isinstance(cell, int | float | np.number) else str(cell)
