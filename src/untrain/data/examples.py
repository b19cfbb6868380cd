"""Examples with stable ids, and batches of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from untrain.core.errors import DataError
from untrain.data.augmentations.base import Augment
from untrain.data.batching import by_length, shuffled
from untrain.data.on_disk import OnDisk
from untrain.data.prefetch import prefetch
from untrain.data.ragged import SPANS, Ragged, padded

MEMORIZATION = "memorization"
Array = np.ndarray[Any, Any]
Column = Tensor | OnDisk | Ragged


@dataclass(frozen=True, eq=False)
class Batch:
    """Tensors of b examples by field, and which examples they are.

    >>> batch = Batch.labelled(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0, 1, 0]))
    >>> len(batch), batch.target, batch[1:].y.tolist()
    (3, 'y', [1, 0])

    Args:
        fields: tensors (b, ...) by name; the first is the model's input, the last its target.
        rows: places of the examples in the set that they came from, int64 (b,).
    """

    fields: Mapping[str, Tensor]
    rows: Tensor

    @staticmethod
    def labelled(x: Tensor, y: Tensor, rows: Tensor | None = None) -> Batch:
        """Make a batch of inputs (b, ...) and targets (b, ...); rows are numbered from 0 by default."""
        return Batch({"x": x, "y": y}, torch.arange(len(y), device=y.device) if rows is None else rows)

    @property
    def x(self) -> Tensor:
        """The first field: the model's input."""
        return next(iter(self.fields.values()))

    @property
    def target(self) -> str:
        """Name of the last field.

        Raises:
            DataError: there are inputs alone.
        """
        return _target(self.fields)

    @property
    def y(self) -> Tensor:
        """The last field: the model's target."""
        return self.fields[self.target]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: slice | Tensor) -> Batch:
        """Some of the examples."""
        return Batch({name: value[at] for name, value in self.fields.items()}, self.rows[at])

    def to(self, device: torch.device | None) -> Batch:
        """The same batch on a device."""
        return Batch({name: value.to(device) for name, value in self.fields.items()}, self.rows.to(device))

    def with_fields(self, **fields: Tensor) -> Batch:
        """The same examples with other values in some fields."""
        return replace(self, fields={**self.fields, **fields})

    def with_targets(self, y: Tensor) -> Batch:
        """The same examples with other values in the last field."""
        return self.with_fields(**{self.target: y})

    @staticmethod
    def cat(batches: Sequence[Batch]) -> Batch:
        """Join several batches into one; rows of tokens are padded to the longest."""
        if len(batches) == 1:
            return batches[0]
        fields = {name: padded([b.fields[name] for b in batches]) for name in batches[0].fields}
        return Batch(fields, torch.cat([b.rows for b in batches]))


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples with stable ids.

    >>> data = Examples.labelled(torch.rand(3, 2), torch.tensor([0, 1, 1]), ids=np.array(["a", "b", "c"]), classes=2)
    >>> len(data), data.classes, data.y.tolist()
    (3, 2, [0, 1, 1])

    Args:
        fields: columns (n, ...) by name: tensors, files that hold them, or rows of tokens of several lengths. The first is
            the model's input, the last its target. uint8 images stay uint8 until they are scaled in a batch.
        ids: one id per row, integers or strings (n,); several rows may have the same id.
        categories: names of the classes that targets number; empty where targets are not classes.
        true: targets before noise was planted, (n,), where they are known.
        columns: further columns by name, each (n,), for requests such as ``Where`` and for reports; no unlearner sees them.
        owner: whose each example is, such as a user or a client, (n,); an unlearner may see it.
        features: names of the numbers of a row of inputs, one for each; empty where they have none.
        pieces: the text of each token, by its number, for reports; empty where inputs are not tokens, or their texts are not known.
    """

    fields: Mapping[str, Column]
    ids: Array
    categories: tuple[str, ...] = ()
    true: Tensor | None = None
    columns: Mapping[str, Array] = field(default_factory=dict)
    owner: Array | None = None
    features: tuple[str, ...] = ()
    pieces: tuple[str, ...] = ()

    @staticmethod
    def labelled(
        x: Column, y: Tensor, ids: Array, classes: int, true: Tensor | None = None, columns: Mapping[str, Array] | None = None
    ) -> Examples:
        """Make examples of inputs ``x`` (n, ...) and labels ``y``, int64 (n,) in ``range(classes)``."""
        return Examples({"x": x, "y": y}, ids, tuple(map(str, range(classes))), true, columns or {})

    @property
    def x(self) -> Any:
        """The first field: the model's inputs, (n, ...)."""
        return next(iter(self.fields.values()))

    @property
    def target(self) -> str:
        """Name of the last field.

        Raises:
            DataError: there are inputs alone.
        """
        return _target(self.fields)

    @property
    def y(self) -> Any:
        """The last field: the model's targets, (n, ...)."""
        return self.fields[self.target]

    @property
    def classes(self) -> int:
        """Number of classes; 0 where targets are not classes."""
        return len(self.categories)

    def __len__(self) -> int:
        return len(self.ids)

    def with_fields(self, **fields: Column) -> Examples:
        """The same examples with other values in some fields."""
        return replace(self, fields={**self.fields, **fields})

    def with_inputs(self, x: Column) -> Examples:
        """The same examples with other values in the first field."""
        return self.with_fields(**{next(iter(self.fields)): x})

    def with_targets(self, y: Column) -> Examples:
        """The same examples with other values in the last field."""
        return self.with_fields(**{self.target: y})

    def without_targets(self) -> Examples:
        """The same examples with inputs alone: spans are labels of some tokens, and go as well."""
        if len(self.fields) < 2:
            return self if self.true is None else replace(self, true=None)
        return replace(self, fields={name: self.fields[name] for name in list(self.fields)[:-1] if name != SPANS}, true=None)


def _target(fields: Mapping[str, Any]) -> str:
    if len(fields) < 2:
        raise DataError(
            "these examples have no targets: a method that takes them names 'labels' in its needs, an observer is `by_labels`, and "
            "a task whose outputs take them has `outputs_need_targets`"
        )
    return list(fields)[-1]


def unit_scaled(x: Tensor) -> Tensor:
    """Images of uint8 as float32 in [0, 1]; other numbers as they are."""
    return x.float() / 255 if x.dtype == torch.uint8 else x


def take(examples: Examples, rows: Array) -> Examples:
    """The examples of some rows, in the order of ``rows``; columns in a file stay there.

    >>> data = Examples.labelled(torch.rand(3, 2), torch.tensor([0, 1, 1]), ids=np.array(["a", "b", "c"]), classes=2)
    >>> take(data, np.array([2, 0])).ids.tolist()
    ['c', 'a']
    """
    at = np.asarray(rows, dtype=np.int64)
    fields = {name: _taken(column, at) for name, column in examples.fields.items()}
    true = None if examples.true is None else examples.true[_near(at, examples.true)]
    columns = {name: column[rows] for name, column in examples.columns.items()}
    owner = None if examples.owner is None else examples.owner[rows]
    return replace(examples, fields=fields, ids=examples.ids[rows], true=true, columns=columns, owner=owner)


def copied(examples: Examples) -> Examples:
    """The same examples in memory of their own; what lies in a file stays there."""
    return take(examples, np.arange(len(examples)))


def prototype(examples: Examples) -> Examples:
    """One row of zeros of the same shapes, types and device, with the names of the classes and nothing else of the examples."""
    fields = {name: _zeros(column) for name, column in examples.fields.items()}
    return Examples(fields, np.zeros(1, dtype=examples.ids.dtype), examples.categories)


def _zeros(column: Column) -> Column:
    if isinstance(column, Ragged):
        length = column.shape[1]
        return Ragged(column.values.new_zeros(length), np.array([0, length]))
    return torch.zeros((1, *column.shape[1:]), dtype=column.dtype, device=column.device)


def _taken(column: Column, rows: Array) -> Column:
    return column[_near(rows, column)] if isinstance(column, Tensor) else column.take(rows)


def _near(rows: Array, values: Tensor) -> Tensor:
    return torch.as_tensor(rows).to(values.device)


def joined(a: Examples, b: Examples) -> Examples:
    """Join two sets, without true targets and further columns; columns in one file stay there.

    >>> data = Examples.labelled(torch.rand(3, 2), torch.tensor([0, 1, 1]), ids=np.array(["a", "b", "c"]), classes=2)
    >>> joined(data, take(data, np.array([0]))).ids.tolist()
    ['a', 'b', 'c', 'a']
    """
    fields = {name: _both(a.fields[name], b.fields[name]) for name in a.fields}
    owner = None if a.owner is None or b.owner is None else stack_ids(a.owner, b.owner)
    return Examples(fields, stack_ids(a.ids, b.ids), a.categories, owner=owner, features=a.features, pieces=a.pieces)


def stack_ids(a: Array, b: Array) -> Array:
    """Ids, or owners, of one set after those of another; whole numbers that no type of 64 bits holds together become text."""
    if np.result_type(a, b).kind != "f":
        return np.concatenate([a, b])
    if min(a.min(initial=0), b.min(initial=0)) >= 0:
        return np.concatenate([a.astype(np.uint64), b.astype(np.uint64)])
    return np.concatenate([a.astype(str), b.astype(str)])


def _both(a: Column, b: Column) -> Column:
    join = getattr(type(a), "cat", None)  # of columns that are neither tensors nor files
    if join is not None and isinstance(b, type(a)):
        return cast(Column, join([a, b]))
    if isinstance(a, OnDisk) and isinstance(b, OnDisk) and a.path == b.path:
        rows = [np.arange(len(x)) if x.rows is None else x.rows for x in (a, b)]
        return replace(a, rows=np.concatenate(rows))
    return torch.cat([a[:], b[:]])


def batch_of(examples: Examples, rows: Array, device: torch.device | None = None) -> Batch:
    """Make one batch, on ``device`` or where the examples are."""
    fields = {name: c[_near(rows, c)] if isinstance(c, Tensor) else c[rows] for name, c in examples.fields.items()}
    return Batch(fields, _near(rows, next(iter(fields.values())))).to(device)


def walk(
    examples: Examples, batch: int, rng: np.random.Generator, augment: Sequence[Augment] = (), alike: int = 1
) -> Iterator[Batch]:
    """Yield batches of all examples once, in a new order, augmented; columns in a file are read ahead.

    ``rng`` makes all its draws before the first batch, so that reading ahead changes none. Rows of tokens of alike length are put
    together among ``alike`` batches at a time.
    """
    order = list(shuffled(len(examples), batch, rng))
    first = next(iter(examples.fields.values()))
    if alike > 1 and isinstance(first, Ragged):
        order = by_length(order, np.diff(first.starts), alike, rng)
    draws = np.random.default_rng(rng.integers(2**63)) if augment else rng

    def batches() -> Iterator[Batch]:
        for rows in order:
            batch_read = batch_of(examples, rows)
            for change in augment:
                batch_read = batch_read.with_fields(**{next(iter(batch_read.fields)): change(batch_read.x, draws)})
            yield batch_read

    on_disk = any(isinstance(column, OnDisk) for column in examples.fields.values())
    return prefetch(batches()) if on_disk else batches()


def to_device(examples: Examples, device: torch.device | str) -> Examples:
    """Move the fields of examples to ``device``; columns in a file go there batch by batch."""
    true = None if examples.true is None else examples.true.to(device)
    return replace(examples, fields={name: column.to(device) for name, column in examples.fields.items()}, true=true)
