"""Values with intervals, and what they decide: a claim holds where its interval lies within bounds, and fails where outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from papers.delpaper import claims
from scipy import stats

Array = np.ndarray[Any, Any]
Found = tuple[float, float, float]  # value, low, high
LEVEL = 0.95
HEAD = ("| Claim | Measured | Verdict |", "|---|---|---|")
ENDLESS = float("inf")


def interval(values: Array, level: float = LEVEL) -> Found:
    """Mean and interval over units, such as classes, of means over originals: Student's t.

    Args:
        values: (units, originals); of a single unit the interval is its mean.
    """
    each = values.mean(1)
    if len(each) == 1:
        return (float(each[0]),) * 3
    half = stats.t.ppf((1 + level) / 2, len(each) - 1) * each.std(ddof=1) / np.sqrt(len(each))
    return float(each.mean()), float(each.mean() - half), float(each.mean() + half)


def against(models: Array, oracles: Array) -> Found:
    """Mean over originals less the mean over retrained models, whose spread enters the interval too.

    Args:
        models: of each original, (s,).
        oracles: of each retrained model, (o,).
    """
    value, low, high = claims.interval([models], oracles, lambda m, o: m[0] - o)
    return value / 100, low / 100, high / 100  # that interval is in points


def verdict(found: Found, low: float, high: float) -> str:
    """What an interval decides of a claim that the value lies between two bounds."""
    _, lower, upper = found
    return "**holds**" if low <= lower and upper <= high else "**fails**" if upper < low or lower > high else "undecided"


def line(text: str, found: Found, low: float, high: float, shown: Callable[[float], str]) -> str:
    """A claim, its value and its verdict as a row of a table."""
    mean, lower, upper = found
    return f"| {text} | {shown(mean)} [{shown(lower)}, {shown(upper)}] | {verdict(found, low, high)} |"


def number(value: float) -> str:
    """With three digits."""
    return f"{value:.3f}"


def points(value: float) -> str:
    """A share in points."""
    return f"{100 * value:.1f}"


def cell(found: Found, shown: Callable[[float], str]) -> str:
    """A value and its interval."""
    mean, low, high = found
    return f"{shown(mean)} [{shown(low)}, {shown(high)}]"
