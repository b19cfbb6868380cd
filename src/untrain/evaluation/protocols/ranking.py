"""Methods ranked by how far their models are from retrained ones, with intervals, and which pairs differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.evaluation.protocols.severity import Yardstick, severities, worst_endpoint
from untrain.maths.bootstrap import inflated, resamples
from untrain.maths.distributions import false_discovery_rates
from untrain.maths.ranking import front, paired_tests, ranks

Array = np.ndarray[Any, Any]
LEVEL = 0.05  # share of the pairs told apart that are to be wrong, on average; and one less that of intervals
DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Entrant:
    """A method to rank.

    Args:
        name: what it is called.
        values: of its models on the endpoints, (m, endpoints); model i was made of original i, as that of every other entrant.
        yardstick: place of its yardstick among those that ``rank`` is given.
        cost: share of retraining's operations; None where it is not known.
        beforehand: number of other models that it was made of, which its cost leaves out.
    """

    name: str
    values: Array
    yardstick: int
    cost: float | None
    beforehand: int = 0


@dataclass(frozen=True)
class Standing:
    """The standing of an entrant.

    Args:
        name: what it is called.
        rank: by mean severity, 1 the best; equals share their mean rank.
        rank_low: lower end of the 95 % interval of the rank.
        rank_high: upper end.
        severity: mean over models, in margins.
        low: lower end of its 95 % interval, at least 0.
        high: upper end.
        each: severity of each model.
        worst: the endpoint on which most of its models are farthest.
        nearer: how many others differ from it in the tests and are nearer to retrained models.
        farther: how many differ from it in the tests and are farther.
        cost: share of retraining; None where it is not known.
        front: whether no other is at least as good for less, by the values without their intervals; never of who was made of models
            that its cost leaves out.
    """

    name: str
    rank: float
    rank_low: float
    rank_high: float
    severity: float
    low: float
    high: float
    each: tuple[float, ...]
    worst: str
    nearer: int
    farther: int
    cost: float | None
    front: bool


@dataclass(frozen=True)
class Pair:
    """Two entrants and the p-value of the test that separates them, adjusted so that few of all separated pairs are wrong."""

    one: str
    other: str
    p: float


@dataclass(frozen=True)
class RankedEntrants:
    """Standings, the best first, and the tests of all pairs; none where there is one model of each."""

    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]


def rank(entrants: Sequence[Entrant], yardsticks: Sequence[Yardstick], draws: int = DRAWS) -> RankedEntrants:
    """Rank entrants by the mean severity of their models.

    Intervals come from resampling seeds and retrained models together: one draw of seeds serves all entrants, and one of retrained
    models all that share a yardstick, so that what is common to them moves no rank. Both are few, and their deviations are
    widened as ``bootstrap.inflated`` has it. Differences are tested pair by pair, over seeds and retrained models: a pair
    that shares a yardstick shares its draws, and across yardsticks each has its own. p-values are
    adjusted so that of the pairs found to differ about 5 % are wrong, on average.

    Args:
        entrants: with as many models each.
        yardsticks: retrained models and margins.
        draws: resamples behind intervals.

    Raises:
        DataError: entrants have different numbers of models.

    Source: Benjamini and Hochberg 1995 (false discovery rate), which is proved for independent tests; by simulation it holds here.
    """
    if not entrants:
        return RankedEntrants((), ())
    counts = {len(e.values) for e in entrants}
    if len(counts) > 1:
        raise DataError(f"entrants have {sorted(counts)} models: as many of each are needed, one of each original")
    (m,) = counts
    each = np.stack([severities(e.values, yardsticks[e.yardstick]) for e in entrants])
    means = each.mean(1)
    weights = inflated(resamples(m, draws, 0, "models")) / m
    drawn = [resamples(len(y.values), draws, 0, f"retrained {at}") for at, y in enumerate(yardsticks)]

    def again(counts: Sequence[Array]) -> Array:
        """Severities by resampled yardsticks, (b, n, m)."""
        return np.stack([severities(e.values, yardsticks[e.yardstick], counts[e.yardstick]) for e in entrants], axis=1)

    resampled = np.einsum("bem,bm->be", again([inflated(counts) for counts in drawn]), weights)
    places, point = ranks(resampled), ranks(means)
    behind = [len(yardsticks[e.yardstick].values) for e in entrants]
    tests = paired_tests(each, again(drawn).mean(2), behind) if m > 1 else {}
    adjusted = dict(zip(tests, false_discovery_rates(np.array(list(tests.values()))).tolist(), strict=True)) if tests else {}
    apart = [pair for pair, p in adjusted.items() if p < LEVEL]
    best = front(means.tolist(), [None if e.beforehand else e.cost for e in entrants])
    ends, bounds = _interval(point, places), _interval(means, resampled)

    def others(i: int) -> list[int]:
        return [one if other == i else other for one, other in apart if i in (one, other)]

    def standing(i: int) -> Standing:
        entrant = entrants[i]
        return Standing(
            name=entrant.name, rank=float(point[i]), rank_low=ends[i][0], rank_high=ends[i][1], severity=float(means[i]),
            low=max(0.0, bounds[i][0]), high=bounds[i][1], each=tuple(each[i].tolist()),
            worst=worst_endpoint(entrant.values, yardsticks[entrant.yardstick]),
            nearer=sum(bool(means[j] < means[i]) for j in others(i)), farther=sum(bool(means[j] > means[i]) for j in others(i)),
            cost=entrant.cost, front=best[i],
        )  # fmt: skip

    standings = tuple(map(standing, np.argsort(means, kind="stable").tolist()))
    pairs = tuple(Pair(entrants[a].name, entrants[b].name, float(p)) for (a, b), p in adjusted.items())
    return RankedEntrants(standings, pairs)


def _interval(values: Array, resampled: Array) -> list[tuple[float, float]]:
    """95 % percentile intervals over resamples (b, n), each widened to hold its value."""
    low, high = np.quantile(resampled, [LEVEL / 2, 1 - LEVEL / 2], axis=0)
    return list(zip(np.minimum(low, values).tolist(), np.maximum(high, values).tolist(), strict=True))
