"""Rows of tokens of several lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

PAD = -100  # no token, and torch's own mark for a place that is not scored
SPANS = "spans"  # a field beside labels: those of some tokens alone


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of whole numbers of several lengths, instead of a tensor: indexed rows come padded to the longest.

    Args:
        values: all rows one after the other, (total,).
        starts: where each row begins, and where the last ends, int64 (n + 1,).

    Example:
        >>> rows = Ragged.of([[5, 6, 7], [8]])
        >>> rows[np.array([0, 1])].tolist()
        [[5, 6, 7], [8, -100, -100]]
    """

    values: Tensor
    starts: np.ndarray[Any, Any]

    @staticmethod
    def of(rows: Sequence[Sequence[int]]) -> Ragged:
        """Rows of whole numbers."""
        starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        return Ragged(torch.tensor([token for row in rows for token in row], dtype=torch.int64), starts)

    @staticmethod
    def cat(parts: Sequence[Ragged]) -> Ragged:
        """The rows of several, one after the other."""
        lengths = np.concatenate([np.diff(part.starts) for part in parts])
        return Ragged(torch.cat([part.values for part in parts]), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def shape(self) -> torch.Size:
        """Number of rows, and length of the longest."""
        return torch.Size((len(self), int(np.diff(self.starts).max(initial=0))))

    @property
    def ndim(self) -> int:
        """Two, as of the padded tensor."""
        return 2

    @property
    def dtype(self) -> torch.dtype:
        """Type of the numbers."""
        return self.values.dtype

    @property
    def device(self) -> torch.device:
        """The device of the numbers."""
        return self.values.device

    def is_floating_point(self) -> bool:
        """False: these are whole numbers."""
        return False

    def to(self, device: torch.device | str | None) -> Ragged:
        """The same rows on a device."""
        return Ragged(self.values.to(device), self.starts)

    def take(self, rows: np.ndarray[Any, Any]) -> Ragged:
        """Some of the rows."""
        spans = [self.values[self.starts[r] : self.starts[r + 1]] for r in np.asarray(rows).tolist()]
        lengths = [len(span) for span in spans]
        values = torch.cat(spans) if spans else self.values[:0]
        return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def rows(self) -> Iterator[np.ndarray[Any, Any]]:
        """Each row as it is, without padding."""
        values = self.values.cpu().numpy()
        return (values[start:stop] for start, stop in zip(self.starts[:-1], self.starts[1:], strict=True))

    def __getitem__(self, at: Any) -> Tensor:
        """Some of the rows as one tensor (k, longest), padded with ``PAD``."""
        rows = np.arange(len(self))[at.cpu().numpy() if isinstance(at, Tensor) else at]
        spans = [self.values[self.starts[r] : self.starts[r + 1]] for r in np.atleast_1d(rows).tolist()]
        if not spans:
            return self.values.new_empty((0, 0))
        return torch.nn.utils.rnn.pad_sequence(spans, batch_first=True, padding_value=PAD)


def padded(parts: Sequence[Tensor]) -> Tensor:
    """Tensors in one; those of rows of several lengths are padded to the longest with ``PAD``."""
    width = max((part.shape[1] if part.ndim == 2 else 0) for part in parts)
    if any(part.ndim == 2 and part.shape[1] != width for part in parts):
        parts = [F.pad(part, (0, width - part.shape[1]), value=PAD) for part in parts]
    return torch.cat(list(parts))
