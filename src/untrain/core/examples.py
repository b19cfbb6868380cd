"""Examples with stable ids, and batches of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class Batch(NamedTuple):
    """Inputs ``x`` (b, ...) and labels ``y`` (b,)."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples with stable ids.

    Args:
        x: inputs, (n, ...); uint8 images stay uint8 until a batch is asked for.
        y: labels as given, int64 (n,), in ``range(classes)``.
        ids: one id a row, integers or strings (n,); several rows may bear the same id.
        classes: number of classes.
        true: labels before noise was planted, (n,), where they are known.
        columns: further columns by name, each (n,), for requests such as ``Where``.
    """

    x: Tensor
    y: Tensor
    ids: np.ndarray[Any, Any]
    classes: int
    true: Tensor | None = None
    columns: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)


def take(examples: Examples, rows: np.ndarray[Any, Any]) -> Examples:
    """The examples of some rows, in the order of ``rows``."""
    near = torch.as_tensor(np.asarray(rows, dtype=np.int64)).to(examples.x.device)
    true = None if examples.true is None else examples.true[near]
    columns = {name: column[rows] for name, column in examples.columns.items()}
    return Examples(examples.x[near], examples.y[near], examples.ids[rows], examples.classes, true, columns)


def batch_of(examples: Examples, rows: np.ndarray[Any, Any], device: torch.device | None = None) -> Batch:
    """One batch, on ``device`` or where the examples are."""
    at = torch.as_tensor(rows).to(examples.x.device)
    return Batch(examples.x[at].to(device), examples.y[at].to(device))


def to_device(examples: Examples, device: torch.device | str) -> Examples:
    """The same examples with inputs and labels on ``device``."""
    true = None if examples.true is None else examples.true.to(device)
    return replace(examples, x=examples.x.to(device), y=examples.y.to(device), true=true)
