"""Rotary embeddings of places."""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 10_000.0  # of the wavelengths: the longest is about as many places


def rotated(vectors: Tensor, places: Tensor | None = None, base: float = BASE) -> Tensor:
    """Vectors turned by angles in proportion to their places, each pair of numbers at a speed of its own, (..., t, d).

    Number i and number ``i + d / 2`` make a pair, which turns by ``base ** (-2 i / d)`` per place. So the product of two vectors
    depends on how far apart their places are, and not on where these are, and no vector changes its length.

    >>> one = torch.tensor([[1.0, 0.0], [1.0, 0.0]])  # at places 0 and 1, a single pair, which turns by 1
    >>> [[round(x, 4) for x in row] for row in rotated(one).tolist()]
    [[1.0, 0.0], [0.5403, 0.8415]]

    Args:
        vectors: (..., t, d), d even.
        places: of the vectors, (..., t); None counts them from 0.
        base: of the speeds.

    Source: Su et al. 2021, arXiv 2104.09864, eq. 34; pairs are of halves, as models of the llama kind have them.
    """
    half = vectors.shape[-1] // 2
    at = torch.arange(vectors.shape[-2], device=vectors.device) if places is None else places
    # Angles in float32 whatever the vectors are: places beyond 256 have no bfloat16 of their own.
    speeds = base ** (-torch.arange(half, dtype=torch.float32, device=vectors.device) / half)
    angles = at.float()[..., None] * speeds
    cos, sin = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    first, second = vectors[..., :half], vectors[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)
