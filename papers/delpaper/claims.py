"""What the paper claims, held against single models: a value, an interval and a verdict for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

Array = np.ndarray[Any, Any]
Models = dict[str, dict[str, list[float]]]
Found = tuple[float, float, float]  # value, low, high
LEVEL = 0.95


@dataclass(frozen=True)
class Claim:
    """A claim and what came of it.

    Args:
        text: the claim.
        where: on which request.
        measured: what ``value`` is.
        value: in points; None where it could not be computed.
        low: lower end of the interval.
        high: upper end of the interval.
        verdict: 'holds', 'fails' or 'undecided'.
        ours: whether it is a question of ours; otherwise the paper claims it.
    """

    text: str
    where: str
    measured: str
    value: float | None
    low: float | None
    high: float | None
    verdict: str
    ours: bool = True


def interval(models: Sequence[Array], oracles: Array, value: Callable[[Array, Array], Array]) -> Found:
    """Mean over originals of a quantity that depends on the oracles' mean, in points, with an interval.

    Args:
        models: for each method a number for each original, (s,).
        oracles: the same number of each oracle, (o,).
        value: (models (k, s), oracles' mean) -> (s,).

    Returns:
        Value, low, high. The variance is that of the mean over originals plus the jackknife's over oracles; Student's t with
        s - 1 degrees of freedom, so that with three originals little is decided.
    """
    table = np.asarray(models, dtype=float)
    each = value(table, oracles.mean())
    n, o = len(each), len(oracles)
    left = np.array([value(table, np.delete(oracles, i).mean()).mean() for i in range(o)])
    variance = each.var(ddof=1) / n + (o - 1) / o * ((left - left.mean()) ** 2).sum()
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * np.sqrt(variance))
    mean = float(each.mean())
    return 100 * mean, 100 * (mean - half), 100 * (mean + half)


def gap(models: Models, name: str, side: str) -> Found:
    """Oracles less one method, in points."""
    return interval([np.array(models[name][side])], np.array(models["oracle"][side]), lambda m, o: o - m[0])


def nearer(models: Models, one: str, other: str, side: str = "forget") -> Found:
    """How much farther ``one`` lies from the oracles' mean than ``other``, in points; below 0 is nearer."""
    return nearer_in_all([models], one, other, side)


def nearer_in_all(tables: Sequence[Models], one: str, other: str, side: str = "forget") -> Found:
    """The same, averaged over tables of the same originals and oracles, such as one for each budget.

    Distances are taken original by original, so that a method that errs now to one side and now to the other is not near.
    """
    held = [np.array(models[n][side]) for n in (one, other) for models in tables]
    k = len(tables)
    return interval(held, np.array(tables[0]["oracle"][side]), lambda m, o: (abs(o - m[:k]) - abs(o - m[k:])).mean(0))


def lower(models: Models, one: str, other: str, side: str) -> Found:
    """How much lower ``one`` scores than ``other``, original by original, in points."""
    held = [np.array(models[n][side]) for n in (one, other)]
    return interval(held, np.array(models["oracle"][side]), lambda m, o: m[1] - m[0])


def below(text: str, where: str, measured: str, found: Found, bound: float = 0.0) -> Claim:
    """A claim that holds where the interval lies below ``bound`` and fails where it lies above."""
    value, low, high = found
    verdict = "holds" if high < bound else "fails" if low > bound else "undecided"
    return Claim(text, where, measured, value, low, high, verdict)


def above(text: str, where: str, measured: str, found: Found, bound: float = 0.0) -> Claim:
    """A claim that holds where the interval lies above ``bound`` and fails where it lies below."""
    value, low, high = found
    verdict = "holds" if low > bound else "fails" if high < bound else "undecided"
    return Claim(text, where, measured, value, low, high, verdict)


def within(text: str, where: str, measured: str, found: Found, margin: float) -> Claim:
    """A claim that holds where the interval lies within the margin on both sides of 0 and fails where it lies outside."""
    value, low, high = found
    verdict = "holds" if -margin < low and high < margin else "fails" if low > margin or high < -margin else "undecided"
    return Claim(text, where, measured, value, low, high, verdict)


def unknown(text: str, where: str, measured: str, reason: str) -> Claim:
    """A claim for which a method failed."""
    return Claim(text, where, f"{measured}: {reason}", None, None, None, "undecided")
