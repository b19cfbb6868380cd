"""Roles of the columns of a table: inputs, label, id and owner; what was guessed, and how to say otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from untrain.core.errors import DataError, suggest
from untrain.data.readers.text_tables import is_heading_word
from untrain.data.tables import ColumnTable

LABELS = ("label", "labels", "target", "y", "class", "category")
TEXTS = ("text", "sentence", "content", "review", "document", "body", "question")
OWNERS = ("owner",)
LISTED = 8  # columns that a message names
FEW, LONG = 20, 64  # different words of a column that may hold labels, and letters of one that may hold ids


@dataclass(frozen=True)
class DataChoices:
    """Columns as the user names them; empty fields are guessed.

    Args:
        id: name of the column of ids.
        label: name of the column of labels.
        owner: name of the column that says whose each row is.
        x: names of the columns of inputs.
        classes: names of the classes in the order of the model's outputs.
        side: pixels on each side of the squares that images become.
    """

    id: str = ""
    label: str = ""
    owner: str = ""
    x: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    side: int | None = None


@dataclass(frozen=True)
class Roles:
    """Names of columns by role, and a sentence on each guess.

    Args:
        x: inputs; none where nothing may be one.
        kind: of the inputs: 'images', 'text', 'numbers', or empty where there are none.
        label: the label; empty where no column was found.
        id: the id; empty where rows are numbered.
        owner: the owner; empty where nobody is known.
        guessed: sentences by role, each with the option that says otherwise.
    """

    x: tuple[str, ...]
    kind: str
    label: str
    id: str
    owner: str
    guessed: Mapping[str, str] = field(default_factory=dict)


def roles_of(table: ColumnTable, choices: DataChoices) -> Roles:
    """Find the role of each column, by what the user says and else by names and types.

    >>> columns = {"user_id": np.array(["a", "b"]), "age": np.array([3, 4]), "label": np.array([0, 1])}
    >>> table = ColumnTable("text table", "people.csv", columns)
    >>> roles = roles_of(table, DataChoices())
    >>> roles.id, roles.x, roles.label
    ('user_id', ('age',), 'label')

    Raises:
        DataError: a column that the user names is not there.
    """
    for name in (choices.id, choices.label, choices.owner, *choices.x):
        if name and name not in table.columns:
            known = list(table.columns)
            raise DataError(f"{table.source} has no column {name!r}; it has {listed(known)}{suggest(name, known)}")
    guessed: dict[str, str] = {}
    label = choices.label or _first(table, LABELS, guessed, "label", "--label COLUMN names another")
    one = choices.id or _id(table, label, guessed)
    owner = choices.owner or _first(table, OWNERS, guessed, "owner", "--owner COLUMN names another")
    placed = {label, one, owner, table.index}
    x, kind = (choices.x, _kind(table, choices.x)) if choices.x else _inputs(table, placed, guessed)
    return Roles(x, kind, label, one, owner, guessed)


def _first(table: ColumnTable, words: tuple[str, ...], guessed: dict[str, str], role: str, otherwise: str) -> str:
    by_lower = {name.lower(): name for name in [*table.columns][::-1]}
    found = next((by_lower[word] for word in words if word in by_lower), "")
    if found:
        guessed[role] = f"the {role} is the column {found!r}, by its name; {otherwise}"
    elif role == "label":
        guessed[role] = "no column is called " + ", ".join(LABELS) + ": --label COLUMN names the labels" + _such_as(_few(table))
    return found


def listed(names: Sequence[str]) -> str:
    """Names of columns in a message, the first ones where there are many.

    >>> listed(["a", "b"]), listed([f"c{at}" for at in range(31)])
    ('a, b', 'c0, c1, c2, c3, c4, c5, c6, c7 and 23 more')
    """
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")


def _such_as(names: list[str]) -> str:
    return f", such as {' or '.join(map(repr, names[:3]))}" if names else ""


def _few(table: ColumnTable) -> list[str]:
    """Columns that may hold labels: words or truth values of which few differ, or else such whole numbers."""
    flat = {name: column for name, column in table.columns.items() if column.ndim == 1 and column.dtype.kind in "Ubiu"}
    # Where the first rows differ much, the others need no sorting.
    few = [n for n, c in flat.items() if len(np.unique(c[:1000])) <= FEW and 2 <= len(np.unique(c)) <= min(FEW, len(c) / 2)]
    return [n for n in few if flat[n].dtype.kind in "Ub"] or few


def _all_different(table: ColumnTable, label: str) -> list[str]:
    """Columns of words that may be ids: short ones that differ in every row."""
    words = {n: c for n, c in table.columns.items() if n != label and c.ndim == 1 and c.dtype.kind == "U"}
    short = {name: column for name, column in words.items() if int(np.char.str_len(column).max(initial=0)) <= LONG}
    return [name for name, column in short.items() if len(np.unique(column)) == len(column) and name.lower() not in TEXTS]


def _id(table: ColumnTable, label: str, guessed: dict[str, str]) -> str:
    """The column of ids: 'id', or the only one that is headed as one; rows are numbered where there is none, or several."""
    names = [name for name in table.columns if name != label and table.columns[name].ndim == 1]
    headed = [name for name in names if name.lower() in ("id", "ids")] or [n for n in names if is_heading_word(n, surely=True)]
    headed = [name for name in headed if table.columns[name].dtype.kind in "iuU"]
    files = [name for name in names if name in ("file_name", "filename", "path", "image_path")] if table.images else []
    if len(headed) != 1 and table.index:
        guessed["id"] = f"ids are those of the index, {table.index!r}; --id COLUMN names a column"
        return table.index
    if len(headed) == 1 or (not headed and files):
        found = (headed or files)[0]
        guessed["id"] = f"ids are those of the column {found!r}, by its name; --id COLUMN names another"
        return found
    why = f"several columns may be ids ({', '.join(headed)})" if headed else "no column is headed as ids are"
    guessed["id"] = f"{why}, so that rows are numbered from 0; --id COLUMN names one"
    if not headed:
        guessed["id"] += _such_as(_all_different(table, label))
    return ""


def _kind(table: ColumnTable, names: tuple[str, ...]) -> str:
    if all(name in table.images for name in names):
        return "images"
    return "text" if len(names) == 1 and table.columns[names[0]].dtype.kind == "U" else "numbers"


def _inputs(table: ColumnTable, placed: set[str], guessed: dict[str, str]) -> tuple[tuple[str, ...], str]:
    """Inputs: the only column of images, else that of texts, else an array of several numbers, else all columns of numbers."""
    free = [name for name in table.columns if name not in placed]
    images = [name for name in table.images if name in free]
    if images:
        guessed["x"] = f"inputs are the images of {images[0]!r}; --x COLUMN names others"
        return (images[0],), "images"
    texts = [name for name in free if name.lower() in TEXTS and table.columns[name].dtype.kind == "U"]
    if texts:
        guessed["x"] = f"inputs are the texts of {texts[0]!r}, by its name; --x COLUMN names others"
        return (texts[0],), "text"
    wide = [name for name in free if table.columns[name].ndim > 1]
    if wide:
        guessed["x"] = f"inputs are the arrays of {wide[0]!r}; --x COLUMN names others"
        return (wide[0],), "numbers"
    numbers = tuple(name for name in free if table.columns[name].ndim == 1 and table.columns[name].dtype.kind in "iufb")
    if numbers:
        some = ", ".join(numbers[:4]) + (", ..." if len(numbers) > 4 else "")
        those = "the only other column" if len(numbers) == 1 else f"the {len(numbers)} other columns"
        guessed["x"] = f"inputs are {those} of numbers ({some}); --x COLUMN, repeated, names them"
        return numbers, "numbers"
    words = [name for name in free if table.columns[name].dtype.kind == "U"]
    if len(words) == 1 and bool((np.char.str_len(table.columns[words[0]]) > 12).any()):
        guessed["x"] = f"inputs are the texts of {words[0]!r}, the only column of text; --x COLUMN names others"
        return (words[0],), "text"
    guessed["x"] = "no column of images, texts or numbers is left for inputs: --x COLUMN names them"
    return (), ""
