"""Both ends of a ranking."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
End = Literal["top", "bottom", "both"]


def extremes(values: Array, count: int, end: End) -> Array:
    """Places of the ``count`` largest values, of the smallest, or of half of each, ascending; equals go to the lower place.

    >>> extremes(np.array([0.5, -3.0, 2.0, 0.0]), 2, "both").tolist()
    [1, 2]

    Args:
        values: finite numbers (n,).
        count: how many, at most n.
        end: 'top', 'bottom', or 'both', of which the top has the odd one.
    """
    order = np.argsort(-values, kind="stable")
    top = {"top": count, "bottom": 0, "both": -(-count // 2)}[end]
    return np.sort(np.concatenate([order[:top], order[len(order) - (count - top) :]]))
