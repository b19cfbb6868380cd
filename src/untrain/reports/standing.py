"""The order of methods: their distance from retraining, the least bad, and the one that a report begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from untrain.evaluation.protocols.endpoints import about
from untrain.evaluation.protocols.outcome import OPEN, PASSES
from untrain.evaluation.protocols.outcome_wording import called
from untrain.reports import formatting

Row = Mapping[str, Any]
LEAST, MOST = 0.1, 1000.0  # margins: what is nearer or farther counts as that


@dataclass(frozen=True)
class InMargins:
    """A harmful difference from retraining and the ends of what its test does not exclude, in margins, and on which endpoint."""

    value: float
    low: float
    high: float
    name: str

    @property
    def words(self) -> str:
        """The distance in a sentence; the nearest and farthest only as bounds."""
        less = "at most " if self.value <= LEAST else "at least " if self.value >= MOST else ""
        return f"{less}{formatting.significant(self.value)} times what is allowed in {self.name}"


def farthest(row: Row) -> InMargins | None:
    """The endpoint on which a method is farthest in a direction that does harm; None where it has none with a margin.

    Args:
        row: the method's, of the document.
    """
    found = [_in_margins(j) for j in row["verdict"]["endpoints"] if j["margin"] > 0]
    return max(found, key=lambda d: d.value, default=None)


def _in_margins(judged: Mapping[str, Any]) -> InMargins:
    d, way = judged["difference"], about(judged["name"], judged["unit"]).way
    sign = way or (1 if d >= 0 else -1)
    ends = [sign * (d if end is None else end) / judged["margin"] for end in (judged["low"], judged["high"])]
    value, low, high = (min(max(end, LEAST), MOST) for end in (sign * d / judged["margin"], min(ends), max(ends)))
    return InMargins(value, low, high, called(judged["name"], judged["unit"]))


def share_of(row: Row) -> float | None:
    """Cost of a method as a share of retraining's; None where it is not known."""
    share = row.get("cost", {}).get("share_of_retraining")
    return None if share is None else float(share)


def cheapest_passing(rows: Sequence[Row]) -> Row | None:
    """The cheapest method that passes, of those whose cost is known; controls are none."""
    priced = [(share, row) for row in _tried(rows) if row["verdict"]["outcome"] == PASSES and (share := share_of(row)) is not None]
    return min(priced, key=lambda each: each[0])[1] if priced else None


def least_bad(rows: Sequence[Row]) -> Row | None:
    """Of the methods cheaper than retraining of which none passes, the least bad; None where one passes or none has a distance.

    What is open, so not shown to fail, goes before what fails; then the nearest to retraining.
    """
    below = [row for row in _tried(rows) if (share := share_of(row)) is not None and share < 1]
    if any(row["verdict"]["outcome"] == PASSES for row in below):
        return None
    placed = [row for row in below if farthest(row)]
    return min(placed, key=_order) if placed else None


def lead(rows: Sequence[Row]) -> Row | None:
    """The method that a report begins with: the cheapest that passes, else the least bad below retraining's cost, else the best.

    Args:
        rows: of all methods; one that did not run is never it, and a control only where there is no other.
    """
    tried = _tried(rows)
    passing = [row for row in tried if row["verdict"]["outcome"] == PASSES]
    chosen = cheapest_passing(rows) or (passing[0] if passing else least_bad(rows))
    done = tried or [row for row in rows if not row["error"]]
    return chosen or min(done, key=_order, default=None)


def _tried(rows: Sequence[Row]) -> list[Row]:
    """Methods that were run and judged and are not controls."""
    return [row for row in rows if not row["error"] and not formatting.is_control(row)]


def _order(row: Row) -> tuple[int, float]:
    """Rank by outcome, what passes first and what fails last; then the distance, where there is one."""
    outcome, away = row["verdict"]["outcome"], farthest(row)
    return {PASSES: 0, OPEN: 1}.get(outcome, 2), away.value if away else MOST
