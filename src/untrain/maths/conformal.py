"""Single examples with other outputs than those of reference models, calibrated on the reference models themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.maths.permutation import splits

Array = np.ndarray[Any, Any]

_BLOCK = 2**20  # numbers of several splits that are worked on together
_PRIOR = 4.0  # degrees of freedom that the variance of the typical example has in each example's


def excess(ours: Array, theirs: Array) -> Array:
    """Standardized difference of the mean outputs of two groups of models on each example, (n,).

    The spread is that of ``theirs``; each example's variance shrinks towards the median over examples, since few models
    estimate it badly.

    >>> round(float(excess(np.array([[1.0]]), np.array([[-1.0], [1.0]]))[0]), 4)  # 1 / sqrt(2 (1 + 1 / 2))
    0.5774

    Args:
        ours: (a, n), or those of several comparisons, (..., a, n).
        theirs: (b, n), b at least 2, or (..., b, n).

    Source: Smyth 2004, eq. 3 (moderated t), with a fixed prior.
    """
    a, b = ours.shape[-2], theirs.shape[-2]
    each = theirs.var(-2, ddof=1)
    spread = ((b - 1) * each + _PRIOR * np.median(each, axis=-1, keepdims=True)) / (b - 1 + _PRIOR)
    return np.asarray((ours.mean(-2) - theirs.mean(-2)) / np.sqrt(np.maximum(spread, 1e-12) * (1 / a + 1 / b)))


def tails(ours: Array, theirs: Array) -> Array:
    """Conformal p-value of each example: the rank of our mean output among itself and the outputs of ``theirs``, (n,).

    >>> tails(np.array([[2.0]]), np.array([[0.0], [1.0], [3.0]])).tolist()
    [0.5]

    Source: Vovk, Gammerman and Shafer 2005, section 2.2.
    """
    return np.asarray((1 + (theirs >= ours.mean(-2, keepdims=True)).sum(-2)) / (1 + theirs.shape[-2]))


@dataclass(frozen=True, eq=False)
class ConformalRejections:
    """Examples that stand out.

    Args:
        excess: standardized difference of each example, (n,).
        p: p-value of each example against all examples of groups of reference models, (n,).
        examples: rows of the rejected ones, the most extreme first.
        chance: share of groups of reference models that show as extreme an example, themselves included: a bound on the
            chance of any rejection when the models are further reference models.
    """

    excess: Array
    p: Array
    examples: Array
    chance: float


def standing_out(ours: Array, theirs: Array, level: float = 0.05, draws: int = 200, seed: int = 0) -> ConformalRejections:
    """Examples on which ``ours`` (a, n) output more than ``theirs`` (b, n) do, with a false discovery rate of ``level``.

    Groups of reference models, as many as ours where there are twice as many of them, are compared with the other reference
    models in the same way; all their examples are the null distribution. No example is rejected unless the most extreme
    one is more extreme than in all but a share ``level`` of the groups; with fewer than ``1 / level - 1`` reference
    models it has to be more extreme than in all of them.

    >>> theirs = np.random.default_rng(0).normal(size=(30, 4))
    >>> ours = np.zeros((1, 4))
    >>> ours[0, 2] = 100
    >>> standing_out(ours, theirs).examples.tolist()
    [2]

    Raises:
        ValueError: there are fewer than three reference models.

    Source: Benjamini and Hochberg 1995 on conformal p-values (Bates et al. 2023).
    """
    a, b = len(ours), len(theirs)
    if b < 3:
        raise ValueError(f"{b} reference models: at least 3 are needed")
    size = min(a, b // 2)
    orders = splits(b, size, draws, seed)
    step = max(1, _BLOCK // theirs.size)
    some = (orders[at : at + step] for at in range(0, len(orders), step))
    null = np.concatenate([excess(theirs[each[:, :size]], theirs[each[:, size:]]) for each in some])
    ours_excess = excess(ours, theirs)
    every = np.sort(null.ravel())
    p = (1 + len(every) - np.searchsorted(every, ours_excess, side="left")) / (1 + len(every))
    chance = float((1 + (null.max(1) >= ours_excess.max()).sum()) / (1 + len(null)))
    rows = np.argsort(-ours_excess, kind="stable")
    passed = np.flatnonzero(np.sort(p) <= level * np.arange(1, len(p) + 1) / len(p))
    count = passed[-1] + 1 if len(passed) and chance <= max(level, 1 / (1 + b)) + 1e-12 else 0
    return ConformalRejections(ours_excess, p, rows[:count], chance)
