"""Solving with a damped mean of outer products, whose matrix is never made."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def woodbury(v: Tensor, rows: Callable[[int, int], Tensor], n: int, damping: float, block: int) -> Tensor:
    """The exact ``(damping I + (1/n) sum g g^T)^-1 v`` of n vectors g, by Woodbury's identity.

    Only two blocks of vectors are in memory at a time; with more blocks, ``rows`` is called for the same ones again.

    >>> g = torch.tensor([[1.0, 0.0]])
    >>> woodbury(torch.tensor([1.0, 0.0]), lambda start, stop: g[start:stop], n=1, damping=1.0, block=1)  # 1 / (1 + 1)
    tensor([0.5000, 0.0000])

    Args:
        v: (p,).
        rows: (start, stop) -> the vectors from start to stop, (stop - start, p); the same each time.
        n: number of vectors.
        damping: > 0.
        block: number of vectors per block.

    Source: Hager 1989, eq. 1; Singh and Alistarh 2020 (WoodFisher), arXiv 2004.14340, whose recursion takes the vectors one by
        one and needs a p x p matrix.
    """
    gram = torch.zeros(n, n, dtype=torch.float64, device=v.device)
    along = torch.zeros(n, dtype=torch.float64, device=v.device)
    cuts = [(start, min(start + block, n)) for start in range(0, n, block)]
    part = None
    for i, (start, stop) in enumerate(cuts):
        part = rows(start, stop)
        along[start:stop] = (part @ v).double()
        gram[start:stop, start:stop] = (part @ part.T).double()
        for first, last in cuts[i + 1 :]:
            cross = (part @ rows(first, last).T).double()
            gram[start:stop, first:last], gram[first:last, start:stop] = cross, cross.T
    weights = torch.linalg.solve(gram + damping * n * torch.eye(n, dtype=gram.dtype, device=gram.device), along).to(v)
    solution = v.clone()
    for start, stop in cuts:
        part = part if part is not None and len(cuts) == 1 else rows(start, stop)
        solution -= part.T @ weights[start:stop]
    return solution / damping


def rescaled(v: Tensor, vectors: Iterator[Tensor], n: int) -> Tensor:
    """Published code's version of ``woodbury``: all of its corrections are parallel to the first vector.

    >>> g = torch.tensor([1.0, 0.0])
    >>> rescaled(g, iter([g, g]), n=1)  # 1 - 1 / (1 + 1)
    tensor([0.5000, 0.0000])

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
