"""Distributions of classes in the space of a head's inputs, and Mahalanobis distances from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from untrain.data.examples import Batch
from untrain.training.centroids import Centroids, centroids_of

TINY = 1e-6  # below which a number has no power and no gradient, which would be infinite at 0
TIMES = 2  # covariances are shrunk


@dataclass(frozen=True, eq=False)
class ClassDistributions:
    """Directions of the means of classes, and inverses of their shrunk correlations, in the space of powers of head inputs.

    Args:
        means: of length 1, (c, d); zeros for a class without examples.
        inverses: (c, d, d).
        counts: number of examples of each class, int64 (c,).
        power: of the transformation of Tukey.
    """

    means: Tensor
    inverses: Tensor
    counts: Tensor
    power: float

    def distances(self, vectors: Tensor) -> Tensor:
        """Squared Mahalanobis distance of head inputs (b, d) from each class, (b, c)."""
        apart = F.normalize(tukey(vectors, self.power), dim=-1)[:, None] - self.means
        return torch.einsum("bcd,cde,bce->bc", apart, self.inverses, apart)


def tukey(vectors: Tensor, power: float) -> Tensor:
    """Each number to a power, with its sign.

    >>> tukey(torch.tensor([4.0, 0.0, -9.0]), 0.5).tolist()
    [2.0, 0.0, -3.0]
    """
    size = vectors.abs()
    return torch.where(size < TINY, 0.0, vectors.sign() * size.clamp(min=TINY) ** power)


def shrunk_correlation(vectors: Tensor, variance: float, covariance: float) -> Tensor:
    """Correlations (d, d) of vectors (n, d), whose covariance matrix is shrunk first, twice.

    Each time ``variance`` times the mean of its diagonal is added to the diagonal, and ``covariance`` times the mean of its other
    entries, zeros left out, to these. One example has no covariance: its correlations are those of
    independent numbers.
    """
    n, d = vectors.shape
    eye = torch.eye(d, dtype=vectors.dtype, device=vectors.device)
    matrix = vectors.T.cov().reshape(d, d) if n > 1 else torch.zeros_like(eye)
    for _ in range(TIMES):
        others = matrix * (1 - eye)
        mean = others.sum() / (others != 0).sum().clamp(min=1)
        matrix = matrix + variance * eye * matrix.diagonal().mean() + covariance * (1 - eye) * mean
    spread = matrix.diagonal().clamp(min=0).sqrt()
    scaled = matrix / torch.where(spread == 0, 1.0, spread)[:, None] / torch.where(spread == 0, 1.0, spread)
    return torch.where(eye.bool(), 1.0, scaled)


def distributions_of(
    labelled: Iterable[tuple[Tensor, Batch]], classes: int, power: float, variance: float, covariance: float
) -> ClassDistributions:
    """Distributions of the classes of labelled head inputs.

    Args:
        labelled: vectors (b, d) and the batch of examples that they are of.
        classes: number of classes, c.
        power: of the transformation of Tukey.
        variance: as ``shrunk_correlation`` takes it.
        covariance: as ``shrunk_correlation`` takes it.

    Raises:
        RequestError: there is no example.
    """
    moved = [(tukey(vectors, power), batch) for vectors, batch in labelled]
    centroids: Centroids = centroids_of(moved, classes)
    vectors, y = torch.cat([part for part, _ in moved]), torch.cat([batch.y for _, batch in moved])
    matrices = [shrunk_correlation(vectors[y == c], variance, covariance) for c in range(classes)]
    inverses = torch.stack([torch.linalg.pinv(matrix, hermitian=True) for matrix in matrices])
    return ClassDistributions(F.normalize(centroids.vectors, dim=-1), inverses, centroids.counts, power)
