"""Examples with stable ids, and batches of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from untrain.data.augmentations.base import Augment
from untrain.data.batching import shuffled
from untrain.data.on_disk import OnDisk
from untrain.data.prefetch import ahead


class Batch(NamedTuple):
    """Inputs ``x`` (b, ...) and labels ``y`` (b,)."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples with stable ids.

    Args:
        x: inputs, (n, ...), or a file that holds them; uint8 images stay uint8 until a batch is asked for.
        y: labels as given, int64 (n,), in ``range(classes)``.
        ids: one id a row, integers or strings (n,); several rows may bear the same id.
        classes: number of classes.
        true: labels before noise was planted, (n,), where they are known.
        columns: further columns by name, each (n,), for requests such as ``Where``.
    """

    x: Tensor | OnDisk
    y: Tensor
    ids: np.ndarray[Any, Any]
    classes: int
    true: Tensor | None = None
    columns: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)


def take(examples: Examples, rows: np.ndarray[Any, Any]) -> Examples:
    """The examples of some rows, in the order of ``rows``; inputs in a file stay there."""
    at = np.asarray(rows, dtype=np.int64)
    x = examples.x.take(at) if isinstance(examples.x, OnDisk) else examples.x[_near(at, examples.x)]
    true = None if examples.true is None else examples.true[_near(at, examples.true)]
    columns = {name: column[rows] for name, column in examples.columns.items()}
    return Examples(x, examples.y[_near(at, examples.y)], examples.ids[rows], examples.classes, true, columns)


def _near(rows: np.ndarray[Any, Any], values: Tensor) -> Tensor:
    return torch.as_tensor(rows).to(values.device)


def joined(a: Examples, b: Examples) -> Examples:
    """Both, one after the other, without true labels and further columns; inputs in one file stay there."""
    if isinstance(a.x, OnDisk) and isinstance(b.x, OnDisk) and a.x.path == b.x.path:
        rows = [np.arange(len(x)) if x.rows is None else x.rows for x in (a.x, b.x)]
        both: Tensor | OnDisk = replace(a.x, rows=np.concatenate(rows))
    else:
        both = torch.cat([a.x[:], b.x[:]])
    return Examples(both, torch.cat([a.y, b.y]), np.concatenate([a.ids, b.ids]), a.classes)


def batch_of(examples: Examples, rows: np.ndarray[Any, Any], device: torch.device | None = None) -> Batch:
    """One batch, on ``device`` or where the examples are."""
    x = examples.x[rows] if isinstance(examples.x, OnDisk) else examples.x[_near(rows, examples.x)]
    return Batch(x.to(device), examples.y[_near(rows, examples.y)].to(device))


def walk(examples: Examples, batch: int, rng: np.random.Generator, augment: Sequence[Augment] = ()) -> Iterator[Batch]:
    """Once through the examples, in a new order, augmented; what lies in a file is read ahead.

    All draws are made of ``rng`` before the first batch, so that reading ahead changes none.
    """
    order = list(shuffled(len(examples), batch, rng))
    draws = np.random.default_rng(rng.integers(2**63)) if augment else rng

    def made() -> Iterator[Batch]:
        for rows in order:
            x, y = batch_of(examples, rows)
            for change in augment:
                x = change(x, draws)
            yield Batch(x, y)

    return ahead(made()) if isinstance(examples.x, OnDisk) else made()


def to_device(examples: Examples, device: torch.device | str) -> Examples:
    """The same examples with inputs and labels on ``device``; inputs in a file go there batch by batch."""
    true = None if examples.true is None else examples.true.to(device)
    return replace(examples, x=examples.x.to(device), y=examples.y.to(device), true=true)


MEMORIZATION = "memorization"  # the column of training data that holds it, in [-1, 1]
