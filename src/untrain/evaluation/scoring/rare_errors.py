"""Pseudo-examples: what an interval must allow for where next to nothing, or next to everything, is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import stats

from untrain.evaluation.base import Array, Measure, Part, ScoreInfo

WEIGHT = 2.0  # pseudo-examples on each end, about z^2 / 2 at 95 %
_UNITS = ("fraction", "probability")
_CENTRED = 1e-9  # tables whose mean is no larger add spread and no value


def padded(measured: Measure, about: ScoreInfo, owners: Mapping[str, Array]) -> tuple[Measure, dict[str, Array]] | None:
    """The measure with pseudo-examples of either extreme, and whose they are; None where it is no mean of what lies between bounds.

    Resampling can show no error that no example of the sample has: of 60 examples that are all right it makes an interval of no
    width. To a table of one population two examples are added that are right in all models and two that are wrong in all. To the
    tables of two populations whose difference is taken on the same examples, one is added that is right in one population only and
    one the other way round, with half the weight each. So the interval is Agresti and Coull's, or Agresti and Min's, with the
    spread over models and over owners beside.

    Args:
        measured: signed means of tables.
        about: says of what unit the score is.
        owners: side -> number of each example's owner, where owners are drawn; a pseudo-example is as much as an owner has.

    Source: Agresti and Coull 1998; Agresti and Min 2005.
    """
    parts = measured.parts
    if measured.quantile is not None or about.unit not in _UNITS or any(p.population == "both" for p in parts):
        return None
    counted = [p for p in parts if abs(p.values.mean()) > _CENTRED or not _centred(p.values)]
    signs = Counter((p.side, p.sign) for p in counted)
    bound = 1 / max(1, sum(p.sign > 0 for p in counted))
    if not counted or any(p.values.min() < 0 for p in counted) or any(count > 1 for (_, sign), count in signs.items() if sign < 0):
        return None
    repeats = {side: max(1, round(len(owner) / (owner.max() + 1))) for side, owner in owners.items()}
    longer = tuple(_padded(p, signs, bound, repeats.get(p.side, 1), any(p is each for each in counted)) for p in parts)
    extended = {}
    for before, after in zip(parts, longer, strict=True):
        if (owner := owners.get(before.side)) is not None and len(owner) == before.values.shape[1]:
            more = np.arange(after.values.shape[1] - len(owner)) // repeats[before.side]
            extended[before.side] = np.concatenate([owner, owner.max() + 1 + more])
    return replace(measured, parts=longer), extended


def _centred(values: Array) -> bool:
    return bool(values.min() < 0 < values.max())


def _padded(part: Part, signs: Counter[tuple[str, float]], bound: float, repeats: int, counted: bool) -> Part:
    paired = signs[part.side, 1] and signs[part.side, -1]
    if paired:
        high = np.sqrt(WEIGHT / 4) * bound
        ends = [high, 0.0] if part.sign > 0 else [0.0, high]
    else:
        ends = [bound, bound, 0.0, 0.0]
    more = np.repeat(ends if counted else np.zeros(len(ends)), repeats)
    return replace(part, values=np.concatenate([part.values, np.broadcast_to(more, (len(part.values), len(more)))], axis=1))


def wilson(value: float, count: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share of ``count`` examples.

    >>> [round(end, 3) for end in wilson(1.0, 60)]
    [0.94, 1.0]

    Source: Wilson 1927.
    """
    z = float(stats.norm.ppf((1 + level) / 2))
    centre = (value + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(value * (1 - value) / count + z**2 / (4 * count**2))
    return float(centre - half), float(centre + half)
