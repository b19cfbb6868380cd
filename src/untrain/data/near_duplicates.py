"""Near-duplicates of forget examples in the retain set, from which a model would learn them again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from untrain.data.examples import Column, Examples, unit_scaled
from untrain.data.fingerprint import rows_of
from untrain.data.on_disk import OnDisk
from untrain.data.ragged import Ragged

Array = np.ndarray[Any, Any]
WIDE = 256
WITHIN = 0.12
BLOCK, FLOATS = 1024, 1 << 22
Inputs = Tensor | OnDisk


@dataclass(frozen=True, eq=False)
class Duplicates:
    """The nearest retained example of each of k forget examples.

    Args:
        nearest: row of the retain set, (k,).
        distance: to it, as a share of the median length of all training inputs, (k,).
        near: true where it is a near or an exact duplicate, bool (k,).
        exact: true where it has exactly the same numbers, bool (k,).
        counts: numbers of forget examples by 'forget' (all), 'near' and 'exact'; the near include the exact.
    """

    nearest: Array
    distance: Array
    near: Array
    exact: Array
    counts: dict[str, int]


def near_duplicates(forget: Examples, retain: Examples, within: float = WITHIN) -> Duplicates:
    """Find forget examples that have an exact or a near duplicate left in ``retain``.

    Images of more than 256 numbers are averaged down to at most that, and each image loses its own mean, so that a
    change of brightness does not hide a copy; then all inputs are centred by the training mean. The default threshold
    finds copies with one grey level more or with noise of 0.02 on pixels in [0, 1]; of examples drawn at random without
    planting it flags 0 of 125 on the digits, 0 to 2 in 1,000 on 10,000 images of MNIST, Fashion-MNIST and CIFAR-10. Shifted,
    cropped and mirrored copies are those of ``altered_copies``.

    Named columns of numbers, as tables have, are measured in their standard deviations each: in their own units a single column
    of large numbers would decide.

    Rows of tokens have no distance: among these it finds exact duplicates alone, and all others are infinitely far.

    >>> from untrain.data.readers.convert import examples
    >>> retain = examples([[0.0, 1.0], [1.0, 0.0], [5.0, 5.0]], [0, 1, 0])
    >>> near_duplicates(examples([[1.0, 0.0]], [1], classes=2), retain).exact.tolist()
    [True]

    Args:
        forget: the forget set.
        retain: the retain set.
        within: largest distance of a near duplicate, as a share of the median length of centred inputs.
    """
    if len(retain) == 0:  # as where a request changes a feature of all examples
        far, alike = np.full(len(forget), np.inf, dtype=np.float32), np.zeros(len(forget), dtype=bool)
        return Duplicates(np.zeros(len(forget), dtype=np.int64), far, alike, alike, _counts(alike, alike))
    twin = exact_twins(forget.x, retain.x)
    exact = twin >= 0
    if isinstance(forget.x, Ragged):
        distance = np.where(exact, 0.0, np.inf).astype(np.float32)
        return Duplicates(np.where(exact, twin, 0), distance, exact, exact, _counts(exact, exact))
    rows, distance = _by_distance(*_in_deviations(forget, retain))
    rows[exact], distance[exact] = twin[exact], 0.0
    near = exact | (distance <= within)
    return Duplicates(rows, distance, near, exact, _counts(near, exact))


def near_twins(x: Inputs, within: float = WITHIN, columns: bool = False) -> Array:
    """Mark rows that have another row within a distance, bool (n,); the distance is that of ``near_duplicates``.

    >>> near_twins(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 9.0]])).tolist()
    [True, True, False]

    Args:
        x: inputs, (n, ...), of which all pairs are compared.
        within: largest distance of a near duplicate, as a share of the median length of centred inputs.
        columns: whether each number has a unit of its own, as those of a table have.
    """
    rows = torch.cat(list(_blocks(x)))
    rows = rows / _deviations(rows) if columns else rows
    rows = rows - rows.mean(0)
    scale = float(rows.norm(dim=1).median()) or 1.0
    near = torch.zeros(len(rows), dtype=torch.bool)
    for start in range(0, len(rows), BLOCK):
        part = torch.cdist(rows[start : start + BLOCK], rows, compute_mode="donot_use_mm_for_euclid_dist")
        part[torch.arange(len(part)), start + torch.arange(len(part))] = torch.inf
        near[start : start + BLOCK] = (part.min(1).values <= within * scale).cpu()
    return near.numpy()


def _deviations(rows: Tensor) -> Tensor:
    """Standard deviation of each column, 1 where it is constant."""
    found = rows.double().std(0, correction=0).to(rows.dtype)
    return torch.where(found > 0, found, torch.ones_like(found))


def _in_deviations(forget: Examples, retain: Examples) -> tuple[Inputs, Inputs]:
    """Inputs, those with named columns in standard deviations over both."""
    a, b = forget.x, retain.x
    if not forget.features or not isinstance(a, Tensor) or not isinstance(b, Tensor) or not a.is_floating_point():
        return a, b
    unit = _deviations(torch.cat([a, b.to(a.device)]))
    return a / unit, b / unit.to(b.device)


def _by_distance(forget: Inputs, retain: Inputs) -> tuple[Array, Array]:
    """Row of the nearest retained example, and the distance to it, of each forget example, (k,)."""
    a = torch.cat(list(_blocks(forget)))
    mean = a.sum(0)
    for block in _blocks(retain, a.device):
        mean += block.sum(0)
    mean /= len(forget) + len(retain)
    a -= mean
    nearest, lengths = _nearest(a, (block - mean for block in _blocks(retain, a.device)), len(retain))
    scale = float(torch.cat([a.norm(dim=1), lengths]).median())
    rows = nearest.cpu().numpy()
    neighbours = torch.cat([_vectors(retain[part]) for part in np.array_split(rows, -(-len(rows) // _size(retain)))])
    return rows, (a - (neighbours.to(a.device) - mean)).norm(dim=1).cpu().numpy() / (scale if scale > 0 else 1.0)


def _counts(near: Array, exact: Array) -> dict[str, int]:
    return {"forget": len(near), "near": int(near.sum()), "exact": int(exact.sum())}


def _blocks(x: Inputs, device: torch.device | None = None) -> Iterator[Tensor]:
    """Inputs as vectors, (b, d), float32; made block by block, so that no copy of all images is needed."""
    size = _size(x)
    return (_vectors(x[start : start + size]).to(device) for start in range(0, len(x), size))


def _size(x: Inputs) -> int:
    """Rows in a block."""
    return max(1, min(BLOCK, FLOATS // x.shape[1:].numel()))


def _vectors(x: Tensor) -> Tensor:
    values = unit_scaled(x).float()
    if values.ndim != 4:
        return values.flatten(1)
    side = int((WIDE / values.shape[1]) ** 0.5)
    if values[0].numel() > WIDE and side > 0:
        height, width = min(side, values.shape[2]), min(side, values.shape[3])
        values = F.adaptive_avg_pool2d(values, (height, width))
    flat = values.flatten(1)
    return flat - flat.mean(1, keepdim=True)


def _nearest(a: Tensor, blocks: Iterable[Tensor], n: int) -> tuple[Tensor, Tensor]:
    """Row nearest to each row of ``a`` in blocks of n others: least ``|b|^2 - 2 a.b``, to which ``|a|^2`` adds nothing.

    And the lengths of the others, allocated in advance: small tensors between large ones that are freed would keep the
    allocator from returning their memory.
    """
    best, at = a.new_full((len(a),), torch.inf), torch.zeros(len(a), dtype=torch.long, device=a.device)
    start, lengths = 0, a.new_empty(n)
    for block in blocks:
        square = (block**2).sum(1)
        lengths[start : start + len(block)] = square.sqrt()
        for first in range(0, len(a), BLOCK):
            part = slice(first, first + BLOCK)
            value, row = torch.addmm(square, a[part], block.T, alpha=-2).min(1)
            at[part] = torch.where(value < best[part], row + start, at[part])
            best[part] = torch.minimum(value, best[part])
        start += len(block)
    return at, lengths


def exact_twins(forget: Column, retain: Column) -> Array:
    """The first row of ``retain`` with exactly the same numbers, -1 where there is none.

    >>> exact_twins(torch.tensor([[1.0], [2.0]]), torch.tensor([[2.0], [2.0]])).tolist()
    [-1, 0]
    """
    digests = list(_digests(forget))
    rows = dict.fromkeys(digests, -1)
    for row, digest in enumerate(_digests(retain)):
        if rows.get(digest) == -1:
            rows[digest] = row
    return np.array([rows[digest] for digest in digests])


def _digests(x: Column) -> Iterator[bytes]:
    return (hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows_of(x))
