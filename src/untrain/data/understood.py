"""Data of a user as far as they are understood without a model: inputs, labels, ids, owners, and the other columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.data.class_names import numbered
from untrain.data.column_roles import DataChoices, Roles, listed, roles_of
from untrain.data.examples import Examples
from untrain.data.readers.base import RESERVED
from untrain.data.readers.convert import from_arrays
from untrain.data.readers.table_files import read_table
from untrain.data.tables import ColumnTable

Array = np.ndarray[Any, Any]
CLASS_NAME = "class_name"  # column with the name of each row's class, for rules such as class_name == 'cat'


@dataclass(frozen=True, eq=False)
class Understood:
    """A table with the roles of its columns.

    Args:
        table: the rows.
        roles: of the columns.
        choices: what the user said about them.
    """

    table: ColumnTable
    roles: Roles
    choices: DataChoices

    def __len__(self) -> int:
        return len(self.table)

    @property
    def inputs(self) -> Array:
        """Inputs (n, ...): images, texts, or numbers; several columns of numbers side by side.

        Raises:
            DataError: there are none, or images differ in shape.
        """
        if not self.roles.x:
            raise DataError(f"{self.table.source}: {self.roles.guessed['x']}")
        columns = [self.table.columns[name] for name in self.roles.x]
        if len(columns) == 1 and columns[0].dtype == object:
            shapes = sorted({str(np.shape(each)) for each in columns[0]})
            cure = "--side 64 makes images alike" if self.roles.kind == "images" else "make them alike"
            raise DataError(
                f"{self.table.source}: {self.roles.x[0]!r} has rows of {len(shapes)} shapes ({', '.join(shapes[:3])}): {cure}"
            )
        if len(columns) == 1 and (columns[0].ndim > 1 or self.roles.kind == "text"):
            return columns[0]
        words = [n for n, c in zip(self.roles.x, columns, strict=True) if c.dtype.kind not in "biuf"]
        if words:
            raise DataError(
                f"{self.table.source}: column {words[0]!r} holds {self.table.type_of(words[0])}, and inputs are numbers: encode it"
            )
        return np.concatenate([column.reshape(len(column), -1) for column in columns], axis=1)

    @property
    def labels(self) -> Array:
        """Labels as they stand in the data, (n,).

        Raises:
            DataError: no column holds them, or cells are empty.
        """
        if not self.roles.label:
            known = listed([*self.table.columns])
            raise DataError(f"{self.table.source}: {self.roles.guessed['label']}; it has {known}")
        if count := self.table.empty.get(self.roles.label, 0):
            raise DataError(f"{self.table.source}: {count} rows have no label in {self.roles.label!r}: drop or fill them")
        return self.table.columns[self.roles.label]

    @property
    def ids(self) -> Array:
        """Ids, (n,); row numbers where no column holds them.

        Raises:
            DataError: cells are empty, or hold what is neither text nor whole numbers.
        """
        if not self.roles.id:
            return np.arange(len(self))
        return self._names(self.roles.id, "id")

    @property
    def owners(self) -> Array | None:
        """The owner of each row, (n,); None where nobody knows."""
        return self._names(self.roles.owner, "owner") if self.roles.owner else None

    def _names(self, name: str, what: str) -> Array:
        column = self.table.columns[name]
        if count := self.table.empty.get(name, 0):
            raise DataError(
                f"{self.table.source}: {count} rows have no {what} in {name!r}: fill them, or leave --{what} to another column"
            )
        if column.dtype.kind not in "iuU" or column.ndim != 1:
            raise DataError(
                f"{self.table.source}: column {name!r} holds {self.table.type_of(name)}: an {what} is text or a whole number"
            )
        return column

    def classes(self, names: Sequence[str] = (), outputs: int | None = None) -> tuple[Array, tuple[str, ...], str]:
        """Numbers of classes (n,), their names, and how they go together; the user's names come before the source's."""
        given = self.choices.classes or tuple(names)
        own = self.table.names.get(self.roles.label, ())
        labels = self.labels
        few = bool(own) and len(labels) > 0 and int(labels.max()) >= len(given)  # so that numbers cannot be those of the names
        if own and given and (few or set(own) <= set(given)):  # numbers of the source's classes, by the model's order
            return numbered(np.array(own)[labels.astype(np.int64)], given)
        if own and not given:
            return labels.astype(np.int64), own, "classes are those that the source names"
        return numbered(labels, given, outputs)

    @property
    def further(self) -> dict[str, Array]:
        """Columns for rules and reports: those of plain values, inputs included."""
        placed = {self.roles.label, self.roles.id, self.roles.owner, *RESERVED, CLASS_NAME}
        plain = {n: c for n, c in self.table.columns.items() if n not in placed and c.ndim == 1 and c.dtype != object}
        return {name: column for name, column in plain.items() if name.isidentifier()}

    def examples(self, names: Sequence[str] = (), outputs: int | None = None, x: Any = None) -> Examples:
        """Examples with names of classes, ids, owners, and columns for rules.

        Args:
            names: of the classes, in the order of the model's outputs, where the model knows them.
            outputs: number of the model's outputs.
            x: inputs in another form, such as after a transform; None takes those of the data.

        Raises:
            DataError: something about the data is wrong.
        """
        y, categories, _ = self.classes(names, outputs)
        columns = {**self.further, CLASS_NAME: np.array(categories)[y]}
        features = self.roles.x if self.roles.kind == "numbers" and x is None and len(self.roles.x) > 1 else ()
        made = from_arrays(self.inputs if x is None else x, y, self.ids, len(categories), columns, self.owners, features)
        return replace(made, categories=categories)


def understand(source: Any, choices: DataChoices | None = None) -> Understood:
    """Read data of a user and find the roles of their columns.

    >>> made = understand(([[0.0], [1.0], [2.0]], [0, 1, 0]))
    >>> made.roles.kind, made.classes()[1]
    ('numbers', ('0', '1'))

    Args:
        source: as of ``untrain.data.readers.table_files.read_table``.
        choices: what the user says about them.

    Raises:
        DataError: they cannot be read, or a column that the user names is not there.
    """
    said = choices or DataChoices()
    if isinstance(source, Understood):
        return source
    table = read_table(source, said.side)
    return Understood(table, roles_of(table, said), said)
