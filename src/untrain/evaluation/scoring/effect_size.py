"""The distance of unlearned models from retrained ones, with an error that holds whether they differ or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass

import numpy as np

from untrain.evaluation.base import Array
from untrain.maths.distributions import t_quantile

ROUNDS = 40  # splits of the oracles, at most

# Rows of the pooled models, ours (b, m) and theirs (b, k), and the names of scores -> value in each split, (b,), or NaN.
Measure = Callable[[tuple[Array, Array], frozenset[str]], Mapping[str, Array]]


@dataclass(frozen=True)
class Estimate:
    """A difference with its standard error and the degrees of freedom of the error."""

    difference: float
    error: float
    freedom: float

    def half(self, level: float, together: int) -> float:
        """Half the width of an interval that, with ``together`` of its kind, leaves out the truth with a share ``level`` at most.

        Source: Bonferroni; Student's t.
        """
        return float(t_quantile(1 - level / (2 * together), self.freedom) * self.error)


def of_models(ours: Array, theirs: Array) -> Estimate | None:
    """Difference of means of one value per model; None where there is one model of each.

    The error is the larger of Student's and Welch's. One unlearned model is compared with the spread of the others.
    """
    m, k = len(ours), len(theirs)
    if m + k < 3:
        return None
    squares = [float(((v - v.mean()) ** 2).sum()) for v in (ours, theirs)]
    pooled = sum(squares) / (m + k - 2) * (1 / m + 1 / k)
    estimate = Estimate(float(ours.mean() - theirs.mean()), float(np.sqrt(pooled)), m + k - 2)
    if m > 1 and k > 1:
        parts = [s / ((n - 1) * n) for s, n in zip(squares, (m, k), strict=True)]
        apart = sum(parts)
        if apart > pooled:
            freedom = apart**2 / sum(p**2 / (n - 1) for p, n in zip(parts, (m, k), strict=True))
            estimate = Estimate(estimate.difference, float(np.sqrt(apart)), freedom)
    return estimate


Floors = MutableMapping[tuple[frozenset[str], tuple[int, ...]], Mapping[str, float]]


def of_groups(
    measure: Measure, m: int, k: int, names: frozenset[str], seed: int = 0, known: Floors | None = None
) -> dict[str, Estimate]:
    """Estimate by how much scores exceed their floor, both against the same oracles.

    Oracles are split into a group as large as the unlearned one and the rest; unlearned models and that group are both scored
    against the rest. The error of our score is the jackknife's over our models, or the spread of groups of oracles where that
    is larger; that of the floor is what is left of it in the mean over all oracles. Of one model, and where a score is missing
    without one of ours, the error takes it that ours spread as oracles do.

    Args:
        measure: values of scores in splits of the pooled models, of which ours are the first.
        m: number of our models.
        k: number of oracles; with fewer than 2 m there is no estimate.
        names: the scores.
        seed: of the splits.
        known: scores of groups of these oracles against the others, by names and group; those that are new are added. They are
            the same for every method.

    Returns:
        Score name -> estimate, where there is one.
    """
    if k < 2 * m or k - m < 2:
        return {}
    rng = np.random.default_rng((seed, m, k))
    orders = [rng.permutation(k) for _ in range(ROUNDS)]
    cut = [tuple(sorted(order[:m].tolist())) for order in orders]  # of few oracles, groups are drawn again and again
    rests = {group: np.sort(order[m:]) + m for group, order in zip(cut, orders, strict=True)}
    known = {} if known is None else known
    new = {group: rest for group, rest in rests.items() if (names, group) not in known}
    floor = _scored(measure, [np.add(group, m) for group in new], list(new.values()), names)
    known.update({(names, group): values for group, values in zip(new, floor, strict=True)})
    scored = dict(zip(rests, _scored(measure, [np.arange(m)] * len(rests), list(rests.values()), names), strict=True))
    above: dict[str, list[float]] = {name: [] for name in names}
    floors: dict[str, list[float]] = {name: [] for name in names}
    for group in cut:
        ours, theirs = scored[group], known[names, group]
        for name in names & ours.keys() & theirs.keys():
            floors[name].append(theirs[name])
            above[name].append(ours[name] - theirs[name])
    spreads = _jackknife(measure, m, k, names) if m > 1 else {}
    estimates = {}
    for name in names:
        if len(floors[name]) == ROUNDS:
            group = float(np.std(floors[name], ddof=1)) / np.sqrt(1 - m / k)  # the groups are drawn from k oracles, not from all
            error, freedom = _error(spreads.get(name, 0.0), group, m, k)
            estimates[name] = Estimate(float(np.mean(above[name])), error, freedom)
    return estimates


def _scored(measure: Measure, ours: list[Array], theirs: list[Array], names: frozenset[str]) -> list[dict[str, float]]:
    """Values of the scores that have one, of each split."""
    if not ours:
        return []
    values = measure((np.stack(ours), np.stack(theirs)), names)
    return [{n: float(v[at]) for n, v in values.items() if not np.isnan(v[at])} for at in range(len(ours))]


def _error(ours: float, group: float, m: int, k: int) -> tuple[float, float]:
    """Standard error and degrees of freedom of a score over its floor.

    Where our models spread more than groups of oracles, few models say how much: the degrees of freedom are those of our spread.

    Args:
        ours: standard error of the score over our m models, 0 where it is not known.
        group: standard deviation of the scores of groups of m oracles, of k.
        m: number of our models.
        k: number of oracles.

    Source: Satterthwaite 1946.
    """
    score, floor = max(ours, group) ** 2, group**2 * m / k
    if ours <= group:
        return float(np.sqrt(score + floor)), k - 1
    return float(np.sqrt(score + floor)), (score + floor) ** 2 / (score**2 / (m - 1) + floor**2 / (k - 1))


def _jackknife(measure: Measure, m: int, k: int, names: frozenset[str]) -> dict[str, float]:
    """Standard error of each score over our models, where it is defined without one of them."""
    without = [np.delete(np.arange(m), at) for at in range(m)]
    values = measure((np.stack(without), np.tile(np.arange(m, m + k), (m, 1))), names)
    there = {name: v for name, v in values.items() if name in names and not np.isnan(v).any()}
    return {name: float(np.sqrt((m - 1) / m * ((v - v.mean()) ** 2).sum())) for name, v in there.items()}
