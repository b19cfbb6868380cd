"""Areas under ROC curves, with weights."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def placements(scores: Array, others: Array, weights: Array | None = None) -> Array:
    """For each of ``scores`` the weighted share of ``others`` below it, ties counted half.

    The mean over members' scores, with non-members as others, is the area under the ROC curve.

    Args:
        scores: (n,).
        others: (k,).
        weights: of the others, (k,), summing to anything positive; None for equal weights.
    """
    order = np.argsort(others, kind="stable")
    ranked = others[order]
    w = np.ones(len(others)) if weights is None else weights[order]
    total = np.concatenate([[0.0], np.cumsum(w)])
    below = total[np.searchsorted(ranked, scores, side="left")]
    upto = total[np.searchsorted(ranked, scores, side="right")]
    return np.asarray((below + upto) / 2 / total[-1])


def auc(members: Array, others: Array, weights: Array | None = None) -> float:
    """Probability that a member scores above a non-member, ties counted half."""
    return float(placements(members, others, weights).mean())
