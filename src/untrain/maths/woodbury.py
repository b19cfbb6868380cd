"""Solving with a damped mean of outer products, whose matrix is never made."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def woodbury(v: Tensor, rows: Callable[[int, int], Tensor], n: int, damping: float, block: int) -> Tensor:
    """The exact ``(damping I + (1/n) sum g g^T)^-1 v`` of n vectors g, by Woodbury's identity.

    Of the vectors, two blocks are held at a time; those of more blocks are asked for again and again.

    Args:
        v: (p,).
        rows: (start, stop) -> the vectors from start to stop, (stop - start, p); the same each time.
        n: number of vectors.
        damping: > 0.
        block: how many vectors make a block.

    Source: Hager 1989, eq. 1; Singh and Alistarh 2020 (WoodFisher), arXiv 2004.14340, whose recursion takes the vectors one by
        one and needs a p x p matrix.
    """
    gram = torch.zeros(n, n, dtype=torch.float64, device=v.device)
    along = torch.zeros(n, dtype=torch.float64, device=v.device)
    cuts = [(start, min(start + block, n)) for start in range(0, n, block)]
    held = None
    for i, (start, stop) in enumerate(cuts):
        held = rows(start, stop)
        along[start:stop] = (held @ v).double()
        gram[start:stop, start:stop] = (held @ held.T).double()
        for first, last in cuts[i + 1 :]:
            cross = (held @ rows(first, last).T).double()
            gram[start:stop, first:last], gram[first:last, start:stop] = cross, cross.T
    weights = torch.linalg.solve(gram + damping * n * torch.eye(n, dtype=gram.dtype, device=gram.device), along).to(v)
    found = v.clone()
    for start, stop in cuts:
        part = held if held is not None and len(cuts) == 1 else rows(start, stop)
        found -= part.T @ weights[start:stop]
    return found / damping


def rescaled(v: Tensor, vectors: Iterator[Tensor], n: int) -> Tensor:
    """What the published code takes for the above: of its corrections, all are parallel to the first vector.

    Args:
        v: (p,).
        vectors: each (p,).
        n: what the code divides by, whatever their number.

    Source: Wfisher.py of OPTML-Group/Unlearn-Sparse and of Unlearn-Saliency.
    """
    k, o = v.clone(), next(vectors).clone()
    for g in vectors:
        along = torch.dot(o, g)
        k -= torch.dot(k, g) / (n + along) * o
        o -= along / (n + along) * o
    return k
