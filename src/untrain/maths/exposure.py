"""Exposure: how much better a model knows a secret than it knows others that might have been.

For who plants secrets in text and looks for them afterwards: tests/unlearners/test_canaries.py does. No score of a run asks for it,
since a run does not know which other secrets there might have been.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def exposure(secret: float, others: Array) -> float:
    """``log2 |R| - log2 rank`` of a secret among all secrets R that might have been, in bits; 0 for the least likely.

    >>> exposure(1.0, np.array([2.0, 3.0, 4.0])), exposure(5.0, np.array([2.0, 3.0, 4.0]))
    (2.0, 0.0)

    Args:
        secret: its perplexity, or its loss: lower is better known.
        others: those of all others, (n,); of ties the secret comes last.

    Source: Carlini et al. 2019, arXiv 1802.08232, definition 4.
    """
    values = np.asarray(others)
    return math.log2(len(values) + 1) - math.log2(int((values <= secret).sum()) + 1)


def extrapolated_exposure(secret: float, shape: float, location: float, scale: float) -> float:
    """``-log2`` of the share of a skew-normal distribution that lies below a secret, in bits.

    The distribution is fitted to a sample of others, where there are too many to try each; so it may report more bits than a
    sample has. Half a normal distribution lies below its mean:

    >>> round(extrapolated_exposure(3.0, shape=0.0, location=3.0, scale=2.0), 9)
    1.0

    Args:
        secret: its perplexity, in the unit of the fit.
        shape: of the skew-normal distribution.
        location: of it.
        scale: of it, > 0.

    Source: Carlini et al. 2019, arXiv 1802.08232, section 5.3.
    """
    from scipy import stats  # over a second of a process

    return float(-stats.skewnorm.logcdf(secret, shape, location, scale) / math.log(2))


def log_perplexity(probabilities: Array) -> float:
    """Of a sequence, in bits: ``-sum log2 p``, of its tokens' probabilities, each given those before it.

    >>> log_perplexity(np.array([0.5, 0.25]))
    3.0

    Source: Carlini et al. 2019, arXiv 1802.08232, definition 1.
    """
    return float(-np.log2(probabilities).sum())
