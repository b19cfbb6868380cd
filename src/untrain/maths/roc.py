"""ROC curves with weights: area, rates, thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_FEW = 1000  # scores up to which searching is faster than sorting them together


def placements(scores: Array, others: Array, weights: Array | None = None) -> Array:
    """Weighted share of ``others`` below each of ``scores``, ties counted half.

    The mean over members' scores, with non-members as others, is the area under the ROC curve.

    >>> placements(np.array([2.0]), np.array([1.0, 2.0, 3.0])).tolist()
    [0.5]

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
    """Probability that a member scores above a non-member, ties counted half.

    >>> auc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))  # of four pairs three are in order and one is tied
    0.875
    """
    return float(placements(members, others, weights).mean())


def rates(
    members: Array, others: Array, fpr: float, weights: Array | None, drawn_members: Array, drawn_others: Array, block: int = 200
) -> Array:
    """True-positive rate at a false-positive rate when examples are drawn several times, (d,).

    The threshold is the least score that others of at most a share ``fpr`` of all their weight exceed; a member is detected when
    its score exceeds the threshold.

    >>> members, others = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 2.5])
    >>> rates(members, others, 0.0, None, np.ones((1, 4)), np.ones((1, 2))).tolist()
    [0.5]

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
    few = order[: int(3 * fpr * len(others)) + 50]  # the threshold is nearly always among these
    out = np.empty(len(drawn_members))
    for start in range(0, len(out), block):
        at = slice(start, start + block)
        allowed = fpr * (drawn_others[at] @ w)[:, None] * (1 + 1e-12)
        exceeding = np.cumsum(drawn_others[at][:, few] * w[few], axis=1)
        if (exceeding[:, -1:] <= allowed).any():
            exceeding = np.cumsum(drawn_others[at][:, order] * w[order], axis=1)
        first = (exceeding > allowed).argmax(1)
        detected = np.cumsum(drawn_members[at][:, ranks], axis=1, dtype=np.float64)
        upto = above[first]
        out[at] = np.where(upto > 0, detected[np.arange(len(detected)), upto - 1], 0.0) / detected[:, -1]
    return out


@dataclass(frozen=True, eq=False)
class Ranking:
    """Members and others sorted together; areas and rates follow.

    Args:
        members: for each member the share of others below it, ties counted half, (n,).
        others: for each of the others the share of members above it, ties counted half, (k,).
        cuts: the distinct scores, ascending, (p,).
        found: how many members lie above each, (p,).
        wrong: how many of the others do, (p,).
    """

    members: Array
    others: Array
    cuts: Array
    found: Array
    wrong: Array

    def at(self, fpr: float) -> tuple[float, float]:
        """The threshold that at most a share ``fpr`` of the others exceed, and the share of members that do.

        >>> ranking(np.array([2.0, 3.0]), np.array([1.0, 2.0])).at(fpr=0.0)
        (2.0, 0.5)
        """
        first = int((self.wrong <= fpr * len(self.others) * (1 + 1e-12)).argmax())
        return float(self.cuts[first]), float(self.found[first] / len(self.members))


def ranking(members: Array, others: Array) -> Ranking:
    """Sort members and others together, once.

    >>> ranking(np.array([2.0, 3.0]), np.array([1.0, 2.0])).members.tolist()
    [0.75, 1.0]
    """
    n, k = len(members), len(others)
    both = np.concatenate([members, others])
    order = np.argsort(both)
    ranked, other = both[order], order >= n
    last = np.append(ranked[1:] > ranked[:-1], True)
    group = np.cumsum(last) - last
    ends = np.flatnonzero(last)
    upto = np.cumsum(other)[ends]  # others up to each cut
    members_upto = ends + 1 - upto
    below = np.concatenate([[0], upto[:-1]])
    members_below = np.concatenate([[0], members_upto[:-1]])
    share = np.where(other, 1 - (members_below + members_upto)[group] / (2 * n), (below + upto)[group] / (2 * k))
    in_order = np.empty(n + k)
    in_order[order] = share
    return Ranking(in_order[:n], in_order[n:], ranked[ends], n - members_upto, k - upto)


def places(members: Array, others: Array) -> tuple[Array, Array]:
    """Share of the others below each member, (n,), and of the members above each of the others, (k,), ties counted half.

    They are those of ``ranking``, to the last bit; of few scores, two searches find them in a third of its time.

    >>> [each.tolist() for each in places(np.array([2.0, 3.0]), np.array([1.0, 2.0]))]
    [[0.75, 1.0], [1.0, 0.75]]
    """
    n, k = len(members), len(others)
    if n > 0 and k > 0 and n + k <= _FEW:
        ours, theirs = np.sort(members), np.sort(others)
        if not np.isnan(ours[-1] + theirs[-1]):  # a NaN is sorted last
            below = theirs.searchsorted(members, "left") + theirs.searchsorted(members, "right")
            not_above = ours.searchsorted(others, "left") + ours.searchsorted(others, "right")
            return below / (2 * k), 1 - not_above / (2 * n)
    ranked = ranking(members, others)
    return ranked.members, ranked.others


def fpr_grid(others: int, points: int = 48) -> Array:
    """False-positive rates from one of ``others`` non-members to all of them, evenly on a logarithmic axis, (points,).

    >>> fpr_grid(100, points=3).round(2).tolist()
    [0.01, 0.1, 1.0]
    """
    return np.geomspace(1 / max(others, 2), 1.0, points)


def sensitivity(members: Array, others: Array, rates: Array, weights: Array | None = None) -> Array:
    """Share of members above the least threshold that others of at most a share of all their weight exceed, at each share (g,).

    >>> sensitivity(np.array([2.0, 3.0]), np.array([1.0, 2.0]), rates=np.array([0.0, 0.5])).tolist()
    [0.5, 1.0]
    """
    order = np.argsort(-others, kind="stable")
    weight = np.cumsum(np.ones(len(others)) if weights is None else weights[order])
    beyond = weight / weight[-1]
    thresholds = np.append(others[order], -np.inf)[np.searchsorted(beyond, rates * (1 + 1e-9), side="right")]
    return np.asarray(1 - np.searchsorted(np.sort(members), thresholds, side="right") / len(members))


def best_cut(members: Array, others: Array, member_weights: Array | None = None, weights: Array | None = None) -> float:
    """The threshold with the greatest balanced accuracy on these scores, midway between two of them; the lowest of equals.

    >>> best_cut(np.array([2.0, 3.0]), np.array([0.0, 1.0]))
    1.5
    """
    scores = np.concatenate([members, others])
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    inside = np.ones(len(members)) if member_weights is None else member_weights
    outside = np.ones(len(others)) if weights is None else weights
    gain = np.concatenate([-inside / inside.sum(), outside / outside.sum()])[order]
    last = np.append(ranked[1:] > ranked[:-1], True)  # a cut lies behind all scores that are equal
    ends, gained = ranked[last], np.cumsum(gain)[last]
    at = int(gained.argmax())
    if gained[at] < 0:
        return float(ends[0] - 1.0)
    return float((ends[at] + ends[min(at + 1, len(ends) - 1)]) / 2)
