"""Is an endpoint shown to be within its margin, shown to be outside, or neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from untrain.evaluation.protocols.endpoints import Endpoint, Harm
from untrain.evaluation.protocols.protocol import ONE_MODEL, Margin
from untrain.maths.distributions import f_quantile, t_quantile

Array = np.ndarray[Any, Any]
Says = Literal["within", "outside", "open"]
BEYOND = 0.01  # chance, over all endpoints, of showing a model to be outside that lies on the edge
_STEADY = 50  # no error is taken for smaller than this part of the margin, so that chance agreement is not evidence
_ABSOLUTE = 0.2  # share of the level that the absolute distance of a margin gets
_APART = 0.001  # chance, over models and endpoints, that a retrained model among the unlearned ones stands apart
_POOLED = 0.75  # unlearned models spread as retrained ones do, unless more than by so rare a ratio of variances


@dataclass(frozen=True, eq=False)
class Difference:
    """Distances of unlearned models from retrained ones, in many comparisons at once; all of (b,).

    Args:
        value: mean of the unlearned models less that of the retrained ones.
        harmful: the part that does harm; below 0 where it does none.
        spread: standard deviation between retrained models.
        error: standard error of the difference.
        freedom: its degrees of freedom.
        loose: standard error of the harmful difference less the allowed number of spreads.
        loose_freedom: its degrees of freedom.
    """

    value: Array
    harmful: Array
    spread: Array
    error: Array
    freedom: Array
    loose: Array
    loose_freedom: Array


@dataclass(frozen=True)
class Judged:
    """An endpoint against its margin.

    Args:
        name: of the endpoint.
        says: 'within' its margin, 'outside', or 'open'.
        harm: what the difference means, were it more than the margin.
        unit: of the next six.
        difference: mean of the unlearned models less that of the retrained ones.
        low: lower end of the differences that the test does not exclude; None where there is no error. They lie inside the margin
            where it says 'within', beyond it where it says 'outside', and else on both sides of its edge.
        high: upper end.
        margin: the difference that is allowed.
        spread: standard deviation between retrained models.
        bound: the largest harmful difference that the test does not exclude; None where there is no error.
        each: each unlearned model less the mean of the retrained ones, in spreads; None where these do not spread.
        apart: numbers of the unlearned models that lie alone, outside the margin and outside what retrained models show.
        times: how many times as many models would bring it within, were the difference what it seems; None where it is not less
            than the margin.
    """

    name: str
    says: Says
    harm: Harm
    unit: str
    difference: float
    low: float | None
    high: float | None
    margin: float
    spread: float
    bound: float | None
    each: tuple[float, ...] | None
    apart: tuple[int, ...]
    times: float | None = None


def allowed(margin: Margin, models: int) -> float:
    """The spreads that so many unlearned models may be away: one is a draw itself, and allowed more."""
    return margin.spreads + ONE_MODEL if models == 1 and margin.spreads else margin.spreads


def difference(ours: Array, theirs: Array, spreads: float, way: int) -> Difference:
    """Differences of means with their errors.

    One unlearned model is taken as it is, so that only the place of the retrained ones is uncertain. Of several the mean of all
    that their method would make is meant; their variance is pooled with that of retrained models unless it is clearly larger.
    The error of the difference less so many spreads comes from each retrained model's influence on both, so that heavy tails and
    skewed laws widen it.

    Args:
        ours: values of the unlearned models, (b, m).
        theirs: of the retrained ones, (b, k), k at least 2.
        spreads: number of spreads of the margin.
        way: which differences do harm: 1 those above 0, -1 those below, 0 both.

    Source: infinitesimal jackknife, Jaeckel 1972; Satterthwaite 1946.
    """
    m, k = ours.shape[1], theirs.shape[1]
    centre, s = theirs.mean(1), np.where(np.ptp(theirs, axis=1) > 0, theirs.std(1, ddof=1), 0.0)  # without rounding of equal values
    d = ours.mean(1) - centre
    sign = np.sign(d) if way == 0 else np.full_like(d, way)
    away = theirs - centre[:, None]
    safe = np.where(s > 0, s, 1.0)
    influence = -sign[:, None] * away - spreads * (away**2 - s[:, None] ** 2) / (2 * safe[:, None])
    plain, loose = s**2 / k, influence.var(1, ddof=1) / k
    if m == 1:
        own, freedom = np.zeros_like(d), np.full_like(d, np.inf)
    else:
        variance = ours.var(1, ddof=1)
        apart = variance > s**2 * f_quantile(_POOLED, m - 1, k - 1)
        own = np.where(apart, variance, ((m - 1) * variance + (k - 1) * s**2) / (m + k - 2)) / m
        freedom = np.where(apart, m - 1, m + k - 2)
    return Difference(
        d, np.abs(d) if way == 0 else way * d, s, np.sqrt(own + plain), _freedom(own, freedom, plain, k - 1),
        np.sqrt(own + loose), _freedom(own, freedom, loose, k - 1),
    )  # fmt: skip


def within(d: Difference, margin: Margin, spreads: float, level: float) -> Array:
    """Return whether each harmful difference is shown to be less than the margin in either of its distances, (b,).

    Two tests could err twice, so they share the level (Bonferroni). Most of it goes to the distance in spreads: where the absolute
    one is much larger, as of an accuracy in which models hardly differ, it is kept at any level.
    """
    return np.asarray(excess(d, margin, spreads, level) <= 0)


def excess(d: Difference, margin: Margin, spreads: float, level: float) -> Array:
    """The most by which each harmful difference may exceed the margin, as the test of 'within' has it, (b,).

    Above 0 where it is not shown to be within. Infinite where there is no distance to be within.
    """
    share = _ABSOLUTE if margin.absolute and spreads else 1.0
    absolute = d.harmful + t_quantile(1 - level * share, d.freedom) * d.error - margin.absolute
    share = 1 - _ABSOLUTE if margin.absolute else 1.0
    relative = d.harmful + t_quantile(1 - level * share, d.loose_freedom) * d.loose - spreads * d.spread
    relative = np.maximum(relative, d.harmful + t_quantile(1 - level, d.freedom) * d.error - margin.limit)
    distances = np.where(margin.absolute > 0, absolute, np.inf), np.where(d.spread > 0, relative, np.inf)
    return np.asarray(np.minimum(*distances))


def outside(d: Difference, margin: Margin, spreads: float, together: float, step: float = 0.0) -> Array:
    """Return whether each harmful difference is shown to exceed both distances, at a level that so many endpoints share, (b,).

    Of values that go by steps, as accuracies on few examples, a few may agree by chance: no spread is taken for smaller than half
    a step.
    """
    return np.asarray(least_excess(d, margin, spreads, together, step) > 0)


def least_excess(d: Difference, margin: Margin, spreads: float, together: float, step: float = 0.0) -> Array:
    """The least by which each harmful difference may exceed the margin, as the test of 'outside' has it, (b,)."""
    far = t_quantile(1 - BEYOND / together, d.loose_freedom) * d.loose
    return np.asarray(d.harmful - far - width_of(np.maximum(d.spread, step / 2), margin, spreads))


def width_of(spread: Array, margin: Margin, spreads: float) -> Array:
    """The difference that a margin allows where retrained models differ by a spread."""
    return np.maximum(margin.absolute, np.minimum(spreads * spread, margin.limit))


def judge(endpoint: Endpoint, margin: Margin, level: float, together: float) -> Judged:
    """Test an endpoint against its margin.

    Args:
        endpoint: with its values.
        margin: it has to keep.
        level: chance of 'within' at the edge of the margin.
        together: number of endpoints that are tested for 'outside', times that of looks.

    Source: one-sided tests of non-inferiority and equivalence, Schuirmann 1987; margins in spreads, Wellek 2010, section 6.1.
    """
    m, k = len(endpoint.ours), len(endpoint.theirs)
    spreads, way = allowed(margin, m), endpoint.way
    if k < 2 and endpoint.error is None:
        d = float(endpoint.ours.mean() - endpoint.theirs.mean())
        return Judged(endpoint.name, "open", "", endpoint.about.unit, d, None, None, margin.absolute, 0.0, None, None, ())
    found = difference(endpoint.ours[None], endpoint.theirs[None], spreads, way)
    width = float(width_of(found.spread, margin, spreads)[0])
    found = _steady(found, width, endpoint.error)
    d = float(found.value[0])
    most = float(excess(found, margin, spreads, level)[0])
    least = min(float(least_excess(found, margin, spreads, together, endpoint.step)[0]), _least_plain(endpoint, margin, together))
    says: Says = "within" if most <= 0 else "outside" if least > 0 else "open"
    if most == np.inf:  # spreads where there are none: nothing is within, and only the error of the mean is known
        most = max(float(found.harmful[0] + t_quantile(1 - level, found.freedom[0]) * found.error[0]) - width, 0.0)
    s = float(found.spread[0])
    each = tuple(float(v) for v in (endpoint.ours - endpoint.theirs.mean()) / s) if s > 0 else None
    harm = endpoint.about.above if d > 0 else endpoint.about.below
    apart = _apart(endpoint, width, together)
    low, high = _ends(width + least, width + most, d, way)
    bound = max(0.0, width + most)
    times = _times(found, margin, spreads, level)
    return Judged(endpoint.name, says, harm, endpoint.about.unit, d, low, high, width, s, bound, each, apart, times)


def _ends(least: float, most: float, d: float, way: int) -> tuple[float, float]:
    """Ends of the differences that are not excluded, from those of the harmful one, which counts as ``d`` or ``way`` has it.

    >>> _ends(1.0, 3.0, -2.0, 0), _ends(-9.0, 3.0, 0.1, 0), _ends(-9.0, 3.0, 2.0, -1)
    ((-3.0, -1.0), (-3.0, 3.0), (-3.0, 9.0))
    """
    sign = way or (1 if d >= 0 else -1)
    least = max(least, -most) if way == 0 else least  # where both directions do harm, the other one is excluded from there on too
    return (least, most) if sign > 0 else (-most, -least)


def _least_plain(endpoint: Endpoint, margin: Margin, together: float) -> float:
    """The least excess of an endpoint without its control variate, on the same side; infinite where it has none."""
    if endpoint.plain is None:
        return np.inf
    ours, theirs = endpoint.plain
    c = allowed(margin, len(ours))
    d = difference(ours[None], theirs[None], c, endpoint.way)
    same = endpoint.way != 0 or d.value[0] * (endpoint.ours.mean() - endpoint.theirs.mean()) > 0
    return float(least_excess(d, margin, c, together)[0]) if same else -np.inf


def _times(d: Difference, margin: Margin, spreads: float, level: float) -> float | None:
    """The factor on the number of models to bring a harmful difference within the nearer of two distances; None if it is beyond."""
    shares = (_ABSOLUTE, 1 - _ABSOLUTE) if margin.absolute and spreads else (1.0, 1.0)
    distances = margin.absolute, min(spreads * float(d.spread[0]), margin.limit)
    errors = ((d.error, d.freedom), (d.loose, d.loose_freedom))
    needed = []
    for distance, share, (error, freedom) in zip(distances, shares, errors, strict=True):
        room = distance - float(d.harmful[0])
        if room > 0:
            needed.append((float(t_quantile(1 - level * share, freedom[0]) * error[0]) / room) ** 2)
    return min(needed, default=None)


def _steady(d: Difference, width: float, error: float | None) -> Difference:
    """The difference with errors of a least size, and with that over examples where models do not differ."""
    least, infinite = width / _STEADY, np.full_like(d.value, np.inf)
    if error is not None:
        size = np.full_like(d.value, max(error, least))
        return Difference(d.value, d.harmful, d.spread, size, infinite, size, infinite)
    errors = np.maximum(d.error, least), np.maximum(d.loose, least)
    return Difference(d.value, d.harmful, d.spread, errors[0], d.freedom, errors[1], d.loose_freedom)


def _freedom(own: Array, own_freedom: Array, theirs: Array, theirs_freedom: float) -> Array:
    """Degrees of freedom of the sum of two variances; those of the second where both are 0."""
    total = own + theirs
    parts = own**2 / own_freedom + theirs**2 / theirs_freedom
    return np.where(total > 0, total**2 / np.where(parts > 0, parts, 1.0), theirs_freedom)


def _apart(endpoint: Endpoint, width: float, together: float) -> tuple[int, ...]:
    """Numbers of those of several unlearned models that alone lie outside the margin and outside what retrained models show."""
    m, k = len(endpoint.ours), len(endpoint.theirs)
    if m < 2 or k < 3 or np.ptp(endpoint.theirs) == 0:
        return ()
    s = float(endpoint.theirs.std(ddof=1))
    away = endpoint.ours - endpoint.theirs.mean()
    harmful = np.abs(away) if endpoint.way == 0 else endpoint.way * away
    reach = float(t_quantile(1 - _APART / (2 * m * together), k - 1)) * s * np.sqrt(1 + 1 / k)
    return tuple(int(i) for i in np.flatnonzero(harmful > max(reach, width)))
