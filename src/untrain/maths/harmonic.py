"""The mean that the least of several numbers decides."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def harmonic_mean(*values: Array) -> Array:
    """Harmonic mean of arrays of one shape, none below 0; 0 where one of them is.

    >>> round(float(harmonic_mean(*[np.array(0.5)] * 8, np.array(0.25))), 4)
    0.45
    """
    whole = np.stack([np.asarray(v, dtype=np.float64) for v in values])
    with np.errstate(divide="ignore"):
        return np.asarray(len(whole) / (1 / np.maximum(whole, 0.0)).sum(0))
