"""Distance that a memory moved: rows that changed, and the length of the change."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from untrain.models.state import State, weights

Pairs = Sequence[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class MemoryChange:
    """The change of the buffers that a model names in ``memory``.

    Args:
        rows: how many there are, before or after, whichever is more.
        moved: how many of them changed.
        square: squared Euclidean length of the change of floating-point entries; hashes and class numbers have no length.
    """

    rows: int = 0
    moved: int = 0
    square: float = 0.0


def measure_memory(before: State, after: nn.Module) -> MemoryChange:
    """Compare a model's memory with what it was; buffers of one length are columns of the same rows.

    Rows of a memory that kept its shape are compared by their places. One of another length, as of a retrained model, has no
    places to compare: rows that only one of them holds are those that moved, and each is as long as it is itself, which is what
    zeroing it would be.
    """
    parameters = {name for name, _ in after.named_parameters()}
    groups: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = defaultdict(list)
    for name, value in weights(after).items():
        if name not in parameters:
            pair = _as_rows(before[name]), _as_rows(value.detach())
            groups[len(pair[0]), len(pair[1])].append(pair)
    parts = [_compare(pairs) for pairs in groups.values()]
    return MemoryChange(sum(p.rows for p in parts), sum(p.moved for p in parts), sum(p.square for p in parts))


def _as_rows(values: Tensor) -> Tensor:
    """A buffer as rows (n, d); a single number is one row."""
    return values.flatten(1) if values.ndim > 1 else values.reshape(-1, 1)


def _compare(pairs: Pairs) -> MemoryChange:
    rows = max(len(pairs[0][0]), len(pairs[0][1]))
    if all(then.shape == now.shape for then, now in pairs):
        changed = torch.stack([(then != now).any(1) for then, now in pairs]).any(0)
        return MemoryChange(rows, int(changed.sum()), _square(now.double() - then.double() for then, now in _floating(pairs)))
    then, now = (_row_bytes(side) for side in zip(*pairs, strict=True))
    gone, come = _lacking(then, now), _lacking(now, then)
    square = _square(part for a, b in _floating(pairs) for part in (a[gone].double(), b[come].double()))
    return MemoryChange(rows, max(len(gone), len(come)), square)


def _floating(pairs: Pairs) -> Pairs:
    return [pair for pair in pairs if pair[1].is_floating_point()]


def _square(changes: Iterable[Tensor]) -> float:
    return sum(float((change**2).sum()) for change in changes)


def _row_bytes(columns: Sequence[Tensor]) -> list[bytes]:
    """The bytes of each row, of all columns together."""
    parts = [column.cpu().contiguous().view(torch.uint8).numpy() for column in columns]
    return [b"".join(part.tobytes() for part in row) for row in zip(*parts, strict=True)]


def _lacking(rows: Sequence[bytes], others: Sequence[bytes]) -> list[int]:
    """Places of the rows that the others lack; of rows that are alike, those beyond as many as the others have."""
    left = Counter(others)
    places = []
    for place, row in enumerate(rows):
        if left[row] > 0:
            left[row] -= 1
        else:
            places.append(place)
    return places
