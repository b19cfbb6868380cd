"""The subspace that a second moment gives most weight to, and projections off it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor

Measure = Literal["singular", "energy"]
Count = Literal["below", "plus_one", "strict"]
Negative = Literal["clip", "abs"]
WHOLE = 4096  # largest matrix whose eigenvectors are all computed at once


class Directions(NamedTuple):
    """A subspace of d dimensions: orthonormal ``vectors`` (d, m) that span it or, not ``inside``, all that is orthogonal to it.

    Whichever are fewer. ``rank`` is the dimension of the subspace, and ``clipped`` the sum of negative eigenvalues over the
    trace, in absolute value; infinite where the trace is not positive.
    """

    vectors: Tensor
    inside: bool
    rank: int
    clipped: float


def retained_rank(singular: Tensor, share: float, measure: Measure = "singular", count: Count = "below") -> int:
    """Number of directions that are kept, of singular values (d,) in descending order; never one whose value is 0.

    >>> values = torch.tensor([4.0, 3.0, 2.0, 1.0])
    >>> retained_rank(values, 0.95), retained_rank(values, 0.95, "energy"), retained_rank(values, 0.95, count="plus_one")
    (3, 2, 4)

    Args:
        singular: roots of the eigenvalues, at least 0.
        share: of the sum of all that the kept ones may hold.
        measure: whether 'singular' values are summed, or their squares, the 'energy'.
        count: 'below' keeps as many as hold at most the share, 'strict' as hold less, 'plus_one' one more than 'below'.
    """
    weights = singular if measure == "singular" else singular**2
    total = weights.sum()
    if not bool(total > 0):
        return 0
    reached = weights.cumsum(0) / total
    kept = int(((reached < share) if count == "strict" else (reached <= share)).sum())
    return min(kept + (count == "plus_one"), int((weights > 0).sum()))


def leading_directions(
    moments: Tensor, share: float, measure: Measure = "singular", count: Count = "below", negative: Negative = "clip"
) -> Directions:
    """The eigenvectors of a second moment (d, d) that ``retained_rank`` keeps, in float64.

    All eigenvectors are computed of up to 4,096 dimensions; of more, first the eigenvalues alone and then the vectors of the
    smaller side, on the CPU, so that two matrices of (d, d) are in memory at a time. Eigenvalues that rounding cannot tell
    from 0 are 0.

    >>> found = leading_directions(torch.diag(torch.tensor([9.0, 4.0, 1.0])), share=0.5)
    >>> found.rank, found.inside, found.vectors.abs().tolist()
    (1, True, [[1.0], [0.0], [0.0]])

    Args:
        moments: symmetric; a difference of two need not be positive.
        share: as ``retained_rank`` takes it.
        measure: as ``retained_rank`` takes it.
        count: as ``retained_rank`` takes it.
        negative: negative eigenvalues are 0 ('clip'), or count by their absolute value, as singular values of the matrix do.
    """
    matrix = moments.double()
    matrix = (matrix + matrix.mT) / 2
    whole = len(matrix) <= WHOLE
    if whole:
        values, vectors = torch.linalg.eigh(matrix)
    else:
        values, vectors = torch.linalg.eigvalsh(matrix), None
    trace = float(values.sum())
    below = float(-values.clamp(max=0).sum())
    clipped = below / trace if trace > 0 else float("inf") if below else 0.0
    size = values.abs()
    size = torch.where(size <= torch.finfo(torch.float64).eps * len(size) * size.max(), 0.0, size)
    if negative == "clip":
        size = torch.where(values < 0, 0.0, size)
    order = size.argsort(descending=True, stable=True)
    rank = retained_rank(size[order].sqrt(), share, measure, count)
    # What is kept lies at both ends of the eigenvalues, which ascend, and what is not in between.
    kept = order[:rank].sort().values
    low = int((kept.cpu() == torch.arange(rank)).sum()) if negative == "abs" else 0
    inside = rank <= len(matrix) - rank
    if vectors is not None:
        outside = torch.ones(len(matrix), dtype=torch.bool, device=matrix.device)
        outside[kept] = False
        return Directions(vectors[:, ~outside if inside else outside], inside, rank, clipped)
    spans = [(0, low), (len(matrix) - rank + low, len(matrix))] if inside else [(low, len(matrix) - rank + low)]
    return Directions(_vectors_of(matrix, spans), inside, rank, clipped)


def _vectors_of(matrix: Tensor, spans: list[tuple[int, int]]) -> Tensor:
    """Eigenvectors of eigenvalues in ascending order, from one up to another, side by side."""
    array = matrix.cpu().numpy()
    parts = [eigh(array, subset_by_index=[first, end - 1])[1] for first, end in spans if end > first]
    return torch.from_numpy(np.concatenate(parts, 1) if parts else np.empty((len(array), 0))).to(matrix.device)


def project_off(rows: Tensor, directions: Directions) -> Tensor:
    """Rows (..., d) without their part in a subspace.

    >>> found = leading_directions(torch.diag(torch.tensor([9.0, 4.0, 1.0])), share=0.5)
    >>> project_off(torch.tensor([[1.0, 2.0, 3.0]]), found).tolist()
    [[0.0, 2.0, 3.0]]
    """
    vectors = directions.vectors.to(rows)
    part = (rows @ vectors) @ vectors.mT
    return rows - part if directions.inside else part
