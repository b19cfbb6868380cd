"""Pseudo-examples: what an interval must allow for where next to nothing, or next to everything, is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from untrain.evaluation.base import Array, Formula, Measure, Part
from untrain.maths.distributions import normal_quantile

WEIGHT = 2.0  # pseudo-examples on each end, about z^2 / 2 at 95 %
_UNITS = ("fraction", "probability")
_CENTRED = 1e-9  # tables whose mean is no larger add spread and no value


def padded(
    measured: Measure | Formula, unit: str, owners: Mapping[str, Array]
) -> tuple[Measure | Formula, dict[str, Array]] | None:
    """A measure, or a formula, with pseudo-examples of either extreme, and whose they are; None where one is not such a mean.

    Such a mean is one of what lies between bounds.

    Resampling can show no error that no example of the sample has: of 60 examples that are all right it makes an interval of no
    width. To a table of one population two examples are added that are right in all models and two that are wrong in all. To the
    tables of two populations whose difference is taken on the same examples, one is added that is right in one population only and
    one the other way round, with half the weight each. So the interval is Agresti and Coull's, or Agresti and Min's, with the
    spread over models and over owners beside. Terms of a formula share pseudo-examples as they share examples.

    Args:
        measured: signed means of tables, or what is computed from several.
        unit: of the score; a formula has a unit of its terms.
        owners: side -> number of each example's owner, where owners are drawn; a pseudo-example is as much as an owner has.

    Source: Agresti and Coull 1998; Agresti and Min 2005.
    """
    terms = measured.terms if isinstance(measured, Formula) else (measured,)
    unit = measured.unit if isinstance(measured, Formula) else unit
    measures = [term for term in terms if isinstance(term, Measure) and term.quantile is None]
    if unit not in _UNITS or len(measures) < len(terms) or any(p.population == "both" for m in measures for p in m.parts):
        return None
    if not all(map(_is_countable, measures)):
        return None
    repeats = {side: max(1, round(len(owner) / (owner.max() + 1))) for side, owner in owners.items()}
    single = {(p.side, p.values.shape[1]) for m in measures for p in m.parts if not _is_paired(p, m)}
    longer = tuple(_longer(m, single, repeats) for m in measures)
    extended = {}
    for before, after in zip((p for m in measures for p in m.parts), (p for m in longer for p in m.parts), strict=True):
        if (owner := owners.get(before.side)) is not None and len(owner) == before.values.shape[1]:
            more = np.arange(after.values.shape[1] - len(owner)) // repeats[before.side]
            extended[before.side] = np.concatenate([owner, owner.max() + 1 + more])
    return replace(measured, terms=longer) if isinstance(measured, Formula) else longer[0], extended


def _counted(measured: Measure) -> list[Part]:
    """Tables that add to the value, and not spread alone."""
    return [p for p in measured.parts if abs(p.values.mean()) > _CENTRED or not _centred(p.values)]


def _signs(measured: Measure) -> Counter[tuple[str, float]]:
    return Counter((p.side, p.sign) for p in _counted(measured))


def _is_countable(measured: Measure) -> bool:
    counted, signs = _counted(measured), _signs(measured)
    twice = any(count > 1 for (_, sign), count in signs.items() if sign < 0)
    return bool(counted) and not twice and not any(p.values.min() < 0 for p in counted)


def _is_paired(part: Part, measured: Measure) -> bool:
    """Return whether the difference of two populations on the same examples is taken."""
    signs = _signs(measured)
    return bool(signs[part.side, 1] and signs[part.side, -1])


def _longer(measured: Measure, single: set[tuple[str, int]], repeats: Mapping[str, int]) -> Measure:
    counted = _counted(measured)
    bound = 1 / max(1, sum(p.sign > 0 for p in counted))
    return replace(measured, parts=tuple(
        _padded(
            p, _is_paired(p, measured), (p.side, p.values.shape[1]) in single, bound, repeats.get(p.side, 1),
            any(p is each for each in counted),
        )
        for p in measured.parts
    ))  # fmt: skip


def _centred(values: Array) -> bool:
    return bool(values.min() < 0 < values.max())


def _padded(part: Part, paired: bool, four: bool, bound: float, repeats: int, counted: bool) -> Part:
    """With two pseudo-examples, or with four where another term has four on the same examples; of pairs four weigh as two."""
    each = 2 if four else 1
    if paired:
        high = np.sqrt(WEIGHT / (4 * each)) * bound
        ends = [high] * each + [0.0] * each if part.sign > 0 else [0.0] * each + [high] * each
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
    z = float(normal_quantile((1 + level) / 2))
    centre = (value + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(value * (1 - value) / count + z**2 / (4 * count**2))
    return float(centre - half), float(centre + half)
