"""Reliability of a choice of the most, or least, memorized examples: one half of the ensemble tests the other's choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.attribution.memorization import memorization
from untrain.core.errors import RequestError
from untrain.maths.distributions import t_quantile

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class SplitHalf:
    """A set of examples chosen by their memorization, and its statistics.

    Args:
        count: number of examples chosen.
        mean: their mean memorization by the models that chose them, which flatters the choice.
        held_out: mean memorization of what one half of the models chooses, by the other half, both ways; it is free of that
            flattery, and a half chooses a little worse than the whole. None where the ensemble cannot be split.
        low: lower end of the interval of ``held_out``.
        high: upper end.
        agreement: share of what one half chooses that the other chooses too; a whole ensemble is steadier than its halves.
        error: median standard error of one chosen example's memorization.
        cut: memorization, at least 0, of the last that was chosen.
        equals: number of examples, of those that could be chosen, with that memorization.
        drawn: number of these that were chosen, by lot where not all were.
    """

    count: int
    mean: float
    held_out: float | None
    low: float | None
    high: float | None
    agreement: float | None
    error: float
    cut: float
    equals: int
    drawn: int


def choice(
    answers: Array, seen: Array, half: Array | None, pick: Callable[[Array], Array], pool: Array, level: float = 0.95
) -> SplitHalf:
    """Choose examples by their memorization, and estimate how reliable the choice is.

    >>> seen = np.array([[True, False], [True, False], [False, True], [False, True]])
    >>> right = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    >>> chosen = choice(right, seen, None, lambda value: np.argsort(-value)[:1], np.arange(2))
    >>> chosen.count, chosen.mean
    (1, 1.0)

    Args:
        answers: how right m models were on n training examples, in [0, 1], (m, n); 0 or 1 where there is nothing between.
        seen: whether a model was trained on an example, bool (m, n).
        half: to which half each model belongs, bool (m,), each half with models enough; None where there are too few.
        pick: memorization of all examples (n,) -> the rows that are chosen.
        pool: rows that could be chosen.
        level: of the interval, Student's over models; it holds the truth at least that often.

    Source: ours. Choosing and measuring by the same models is biased upwards, as the best of many noisy numbers is; the two
        are kept apart as in cross-fitting (Chernozhukov et al. 2018).
    """
    whole = memorization(answers, seen)
    rows = pick(whole.value)
    level_of = np.maximum(whole.value, 0.0)
    last = level_of[rows]
    # The end of the ranking that the choice comes to: the rest of the pool is on its other side.
    rest = np.setdiff1d(pool, rows)
    most = not len(rest) or last.mean() >= level_of[rest].mean()
    cut = float(last.min() if most else last.max())
    parts = _halves(answers, seen, half, pick, level)
    return SplitHalf(
        len(rows),
        float(whole.value[rows].mean()),
        *parts,
        float(np.median(whole.error[rows])),
        cut,
        int((level_of[pool] == cut).sum()),
        int((last == cut).sum()),
    )


Parts = tuple[float | None, float | None, float | None, float | None]


def _halves(answers: Array, seen: Array, half: Array | None, pick: Callable[[Array], Array], level: float) -> Parts:
    """Mean by models that did not choose, its interval, and the share that both halves chose."""
    if half is None:
        return None, None, None, None
    sides = [np.flatnonzero(half), np.flatnonzero(~half)]
    try:
        chosen = [pick(memorization(answers[at], seen[at]).value) for at in sides]
    except RequestError:  # by a half nothing may be memorized, where by the whole a little is
        return None, None, None, None
    means = [mean_of(answers[sides[1 - s]], seen[sides[1 - s]], chosen[s]) for s in (0, 1)]
    mean = (means[0][0] + means[1][0]) / 2
    # The two err alike: what by noise was chosen in one half is measured with that noise by the other. So errors are averaged.
    wide = float((means[0][1] + means[1][1]) / 2 * t_quantile((1 + level) / 2, max(len(half) // 2 - 2, 1)))
    return mean, max(mean - wide, -1.0), min(mean + wide, 1.0), len(np.intersect1d(chosen[0], chosen[1])) / len(chosen[0])


def mean_of(answers: Array, seen: Array, rows: Array) -> tuple[float, float]:
    """Return the mean memorization of some examples and its standard error, which accounts for their common models.

    The mean is a sum over models to first order; its error is that of the sum (the infinitesimal jackknife).

    >>> seen = np.array([[True]] * 4 + [[False]] * 4)
    >>> right = np.array([[1.0]] * 4 + [[0.0], [0.0], [0.0], [1.0]])
    >>> mean_of(right, seen, np.array([0]))[0]
    0.75
    """
    outputs, inside = np.asarray(answers[:, rows], dtype=np.float64), np.asarray(seen[:, rows])
    saw, missed = inside.sum(0), (~inside).sum(0)
    means = np.where(inside, outputs, 0).sum(0) / saw, np.where(inside, 0, outputs).sum(0) / missed
    each = np.where(inside, (outputs - means[0]) / saw, -(outputs - means[1]) / missed).mean(1)  # (m,)
    m = len(outputs)
    return float((means[0] - means[1]).mean()), float(np.sqrt((each**2).sum() * m / max(m - 2, 1)))
