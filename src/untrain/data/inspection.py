"""Findings about data of a user: columns, classes, ids, twins and odd rows, as plain values."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import torch

from untrain.core.errors import DataError
from untrain.data.altered_copies import normal_text
from untrain.data.near_duplicates import near_twins
from untrain.data.readers.held_arrays import is_sparse
from untrain.data.sparse import Sparse
from untrain.data.understood import Understood

Array = np.ndarray[Any, Any]
Finding = dict[str, Any]
COMPARED = 4_000  # rows up to which all pairs are compared for near-duplicates
NUMBERS = 1 << 24  # numbers of all inputs up to which they are
SHOWN = 5


def inspection(made: Understood) -> Finding:
    """All that a user should know of data before anything is done with them.

    >>> from untrain.data.understood import understand
    >>> found = inspection(understand(([[0.0], [1.0], [1.0]], [0, 1, 0])))
    >>> found["rows"], found["twins"]["rows"], found["twins"]["other_label"]
    (3, 2, 2)

    Returns:
        'source', 'kind', 'rows', 'columns' (name, type, role, empty cells), 'inputs', 'classes' (number, name, rows) and their
        'numbering', 'ids', 'owners', 'twins', 'odd' rows, 'guessed' roles, and 'notes'.
    """
    table, roles = made.table, made.roles
    role_of = {roles.label: "label", roles.id: "id", roles.owner: "owner", **dict.fromkeys(roles.x, "input")}
    columns = [
        {"name": name, "type": table.type_of(name), "role": role_of.get(name, ""), "empty": table.empty.get(name, 0)}
        for name in table.columns
    ]
    problems: list[str] = []
    labels, numbers = _classes(made, problems)
    return {
        "source": table.source, "kind": table.kind, "rows": len(table), "columns": columns,
        "inputs": _inputs(made, problems), **labels, "ids": _ids(made, problems), "owners": _owners(made),
        "twins": _twins(made, numbers), "odd": _odd(made), "problems": problems,
        "guessed": list(roles.guessed.values()), "notes": list(table.notes),
    }  # fmt: skip


def _inputs(made: Understood, problems: list[str]) -> Finding:
    try:
        x = made.inputs
    except DataError as error:
        problems.append(str(error))
        return {"kind": made.roles.kind, "columns": list(made.roles.x), "shape": None, "type": None}
    shape = [] if made.roles.kind == "text" else [int(size) for size in x.shape[1:]]
    kind = "text" if made.roles.kind == "text" else str(x.dtype)
    return {"kind": made.roles.kind, "columns": list(made.roles.x), "shape": shape, "type": kind}


def _classes(made: Understood, problems: list[str]) -> tuple[Finding, Array | None]:
    try:
        numbers, names, how = made.classes()
    except DataError as error:
        problems.append(str(error))
        return {"classes": [], "numbering": ""}, None
    counts = np.bincount(numbers, minlength=len(names))
    classes = [{"number": at, "name": name, "rows": int(counts[at])} for at, name in enumerate(names)]
    return {"classes": classes, "numbering": how}, numbers


def _ids(made: Understood, problems: list[str]) -> Finding:
    try:
        ids = made.ids
    except DataError as error:
        problems.append(str(error))
        return {"column": made.roles.id, "distinct": 0, "repeated": 0, "form": "", "such_as": []}
    counts = Counter(ids.tolist())
    return {
        "column": made.roles.id, "distinct": len(counts), "repeated": sum(1 for count in counts.values() if count > 1),
        "form": _form(ids, made.roles.id), "such_as": list(counts)[:3],
    }  # fmt: skip


def _form(ids: Array, column: str) -> str:
    if not column:
        return f"row numbers from 0 to {len(ids) - 1}"
    if ids.dtype.kind in "iu":
        return f"whole numbers from {int(ids.min())} to {int(ids.max())}"
    lengths = np.char.str_len(ids)
    low, high = int(lengths.min()), int(lengths.max())
    return f"text of {low} characters" if low == high else f"text of {low} to {high} characters"


def _owners(made: Understood) -> Finding:
    try:
        owners = made.owners
    except DataError:
        owners = None
    return {"column": made.roles.owner, "distinct": 0 if owners is None else len(np.unique(owners))}


def _rows(made: Understood) -> list[bytes]:
    """Each row of inputs as bytes; texts as they read, whatever their capitals and spaces."""
    try:
        x = made.inputs
    except DataError:
        parts = [made.table.columns[name] for name in made.roles.x]
        return [b"".join(np.asarray(part[at]).tobytes() for part in parts) for at in range(len(made))]
    if made.roles.kind == "text":
        return [text.encode("utf-8", "surrogatepass") for text in x.tolist()]
    if is_sparse(x):
        return [row.tobytes() for row in Sparse.of(x).rows()]
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in np.ascontiguousarray(x)]


def _twins(made: Understood, numbers: Array | None) -> Finding:
    """Rows with the inputs of another row, those of them with another label, and near-duplicates where they are cheap to find."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for at, row in enumerate(_rows(made) if made.roles.x else []):
        groups[row].append(at)
    alike = [rows for rows in groups.values() if len(rows) > 1]
    torn = [rows for rows in alike if numbers is not None and len(set(numbers[rows].tolist())) > 1]
    exact = sum(map(len, alike))
    near, how = _near(made, exact)
    ids = made.ids if not made.table.empty.get(made.roles.id, 0) else np.arange(len(made))
    shown = [[ids[row].item() for row in rows[:SHOWN]] for rows in alike[:SHOWN]]
    return {
        "groups": len(alike), "rows": exact, "other_label": sum(map(len, torn)), "such_as": shown, "near": near, "near_means": how,
    }  # fmt: skip


def _near(made: Understood, exact: int) -> tuple[int | None, str]:
    if made.roles.kind == "text":
        words = Counter(map(normal_text, made.inputs.tolist()))
        return sum(
            count for count in words.values() if count > 1
        ) - exact, "the same text but for capitals, accents, signs and spaces"
    try:
        x = made.inputs
    except DataError as error:
        return None, f"not looked for: {error}"
    if x.shape[0] > COMPARED or int(np.prod(x.shape)) > NUMBERS or is_sparse(x):
        return None, f"not looked for, as they are sparse, or more than {COMPARED:,} rows or {NUMBERS:,} numbers"
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        return None, "not looked for, as there are empty or infinite numbers"
    columns = len(made.roles.x) > 1
    numbers = torch.from_numpy(np.ascontiguousarray(x if x.dtype == np.uint8 else x.astype(np.float32)))
    found = int(near_twins(numbers.float() if columns else numbers, columns=columns).sum())
    units = ", each column in its standard deviations" if columns else ""
    return max(0, found - exact), f"at most 0.12 of the median distance from the mean apart{units}"


def _odd(made: Understood) -> list[Finding]:
    """Kinds of rows that a user should look at: how many there are, and the ids of some."""
    found: list[Finding] = []
    ids = made.ids if not made.table.empty.get(made.roles.id, 0) else np.arange(len(made))

    def add(what: str, rows: Array) -> None:
        if len(rows):
            found.append({"what": what, "rows": len(rows), "such_as": [ids[row].item() for row in rows[:SHOWN]]})

    for name in made.roles.x:
        column = made.table.columns[name]
        if column.dtype == object:
            shapes = [str(np.shape(each)) for each in column]
            usual = Counter(shapes).most_common(1)[0][0]
            add(f"{name}: another shape than {usual}", np.flatnonzero([shape != usual for shape in shapes]))
        elif column.dtype.kind == "U":
            add(f"{name}: empty text", np.flatnonzero(np.char.str_len(np.char.strip(column)) == 0))
        elif column.dtype.kind == "f" and not is_sparse(column):
            flat = column.reshape(len(column), -1)
            add(f"{name}: empty or NaN", np.flatnonzero(np.isnan(flat).any(1)))
            add(f"{name}: infinite", np.flatnonzero(np.isinf(flat).any(1)))
        if name in made.table.images and column.dtype != object:
            planes = column.reshape(len(column), column.shape[1], -1)
            add(f"{name}: one colour all over", np.flatnonzero((planes.min(2) == planes.max(2)).all(1)))
    return found
