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


def rates(
    members: Array, others: Array, fpr: float, weights: Array | None, drawn_members: Array, drawn_others: Array, block: int = 200
) -> Array:
    """True-positive rate at a false-positive rate when examples are drawn several times, (d,).

    The threshold is the least score that others of at most a share ``fpr`` of all their weight exceed; a member is found when
    its score exceeds the threshold.

    Args:
        members: scores, (n,).
        others: scores, (k,).
        fpr: share in [0, 1).
        weights: of the others, (k,); None for equal ones.
        drawn_members: how often each member was drawn, (d, n).
        drawn_others: how often each of the others was drawn, (d, k).
        block: draws worked on at a time.
    """
    order, ranks = np.argsort(-others, kind="stable"), np.argsort(-members, kind="stable")
    w = np.ones(len(others)) if weights is None else np.asarray(weights, dtype=np.float64)
    above = np.searchsorted(-members[ranks], -others[order], side="left")  # members above each of the others
    out = np.empty(len(drawn_members))
    for start in range(0, len(out), block):
        at = slice(start, start + block)
        held = np.cumsum(drawn_others[at][:, order] * w[order], axis=1)
        first = (held > fpr * held[:, -1:] * (1 + 1e-12)).argmax(1)
        found = np.cumsum(drawn_members[at][:, ranks], axis=1, dtype=np.float64)
        upto = above[first]
        out[at] = np.where(upto > 0, found[np.arange(len(found)), upto - 1], 0.0) / found[:, -1]
    return out
