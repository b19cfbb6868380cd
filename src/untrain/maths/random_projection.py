"""Random projections to a few dimensions, of which no more than a block is in memory."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 4096  # rows of the projection that are drawn at a time; part of what a seed means


def directions(block: int, dimension: int, seed: int) -> Tensor:
    """Draw one block of a projection: signs over the root of the dimension, float32 (BLOCK, dimension).

    >>> directions(0, dimension=4, seed=0).abs().unique().tolist()
    [0.5]

    Source: Achlioptas 2003.
    """
    draw = torch.Generator().manual_seed((seed * 1_000_003 + block) % 2**63)
    signs = torch.randint(2, (BLOCK, dimension), generator=draw, dtype=torch.int8)
    return signs.float().mul_(2).sub_(1).mul_(dimension**-0.5)


def project(rows: Tensor, dimension: int, seed: int) -> Tensor:
    """Project rows (b, p) at random to ``dimension`` numbers each, so that inner products stay what they are in the mean.

    The projection is the same for all rows, and for those of another call with the same seed; it is drawn again block by block.

    >>> rows = torch.randn(2, 10_000, generator=torch.Generator().manual_seed(0))
    >>> projected = project(rows, dimension=2_000, seed=0)
    >>> bool(abs((projected**2).sum(1) / (rows**2).sum(1) - 1).max() < 0.1)
    True

    Source: Johnson and Lindenstrauss 1984.
    """
    projected = torch.zeros(len(rows), dimension, dtype=rows.dtype, device=rows.device)
    for block, start in enumerate(range(0, rows.shape[1], BLOCK)):
        part = rows[:, start : start + BLOCK]
        projected += part @ directions(block, dimension, seed)[: part.shape[1]].to(part)
    return projected
