"""The picture that a report opens with: how far each method is from retraining, what it costs, and its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.evaluation.protocols.outcome import DAMAGED, HIDES, OPEN, PASSES, REMEMBERS
from untrain.evaluation.protocols.outcome_wording import called
from untrain.evaluation.protocols.protocol import ENDPOINTS
from untrain.reports import formatting
from untrain.reports.formatting import PERCENT
from untrain.reports.html.chart_spec import Axis, Chart, Label, Trace
from untrain.reports.html.label_placement import NARROW, WIDE, beside

Array = np.ndarray[Any, Any]
Document = Mapping[str, Any]
Row = Mapping[str, Any]

HEIGHT = 460
SPREADS = 2.0  # of retrained models that the band of an endpoint reaches to either side
# Name in the legend, colour and symbol of each outcome.
LOOKS: Mapping[str, tuple[str, str, str]] = {
    PASSES: ("Passes", "good", "circle"),
    REMEMBERS: ("Fails: remembers", "bad", "triangle-down"),
    HIDES: ("Fails: hides", "rose", "square"),
    DAMAGED: ("Fails: damaged", "plum", "triangle-up"),
    OPEN: ("Open", "warn", "diamond"),
}


@dataclass(frozen=True)
class OutcomeChart:
    """The picture, and what its axes and its band are in a sentence each."""

    chart: Chart
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Upward:
    """The vertical axis: title of the axis, its meaning, the band of retrained models, and row -> value, low, high."""

    title: str
    means: str
    shaded: str
    band: tuple[float, float] | None
    values: Mapping[str, tuple[float, float, float]]


@dataclass(frozen=True)
class Point:
    """A method in the scatter: number and label, outcome, whether it is a control, its place, and the whiskers' lengths."""

    number: int
    label: str
    outcome: str
    control: bool
    x: float
    y: float
    below: float
    above: float
    hover: str


def outcome_chart(document: Document) -> OutcomeChart | None:
    """Distance from retraining against cost of all methods, and their outcomes; None where no method has a place in it.

    Where no cost is known, as of models made elsewhere, methods stand side by side.
    """
    rows = [(at, row) for at, row in enumerate(document["results"], 1) if not row["error"]]
    up = upward([row for _, row in rows])
    if up is None:
        return None
    costly = any(row["cost"].get("share_of_retraining") is not None for _, row in rows if row["method"] in up.values)
    labels = formatting.lettered([row["method"] for row in document["results"]])
    there = [(at, row) for at, row in rows if row["method"] in up.values]
    if costly:
        there = [(at, row) for at, row in there if row["cost"].get("share_of_retraining") is not None]
    points = [_point(at, row, labels[row["method"]], up, float(place), costly) for place, (at, row) in enumerate(there)]
    captions = (up.means, *([up.shaded] if up.band else []), "Hollow marks are controls; lines are 95 % intervals.")
    return OutcomeChart(_drawn(points, up, costly, document["break_even"]["share"]), captions)


def upward(rows: Sequence[Row]) -> Upward | None:
    """The forget gap where a run has one; else the first endpoint of its protocol that it has."""
    gaps = {row["method"]: score for row in rows if (score := row["scores"].get("forget_gap")) and score["value"] is not None}
    if gaps:
        values = {method: _scaled(score["value"], score["low"], score["high"], 100.0) for method, score in gaps.items()}
        band = next((score["band"] for score in gaps.values()), None)
        return Upward(
            "Forget gap, points",
            "Up: points of accuracy on the examples to forget that a method loses beyond retraining; below 0, it loses fewer.",
            "The shaded band is where 19 of 20 further sets of retrained models would lie.",
            (100 * band[0], 100 * band[1]) if band else None, values,
        )  # fmt: skip
    for name in ENDPOINTS:
        judged = {row["method"]: j for row in rows for j in row["verdict"]["endpoints"] if j["name"] == name}
        if judged:
            return _endpoint(name, judged)
    return None


def _endpoint(name: str, judged: Mapping[str, Mapping[str, Any]]) -> Upward:
    first = next(iter(judged.values()))
    scale, unit = {"fraction": (100.0, "points"), "nats": (1.0, "logarithm")}.get(first["unit"], (1.0, str(first["unit"])))
    words = called(name, first["unit"]).removeprefix("the ")
    reach = SPREADS * scale * first["spread"]
    return Upward(
        f"{words[:1].upper()}{words[1:]}, above retraining, {unit}",
        f"Up: {called(name, first['unit'])} of a method less that of retrained models.",
        f"The shaded band is {SPREADS:g} standard deviations of single retrained models to either side.",
        (-reach, reach) if reach else None,
        {method: _scaled(j["difference"], j["low"], j["high"], scale) for method, j in judged.items()},
    )


def _scaled(value: float, low: float | None, high: float | None, by: float) -> tuple[float, float, float]:
    return by * value, by * (value if low is None else low), by * (value if high is None else high)


def _point(at: int, row: Row, label: str, up: Upward, place: float, costly: bool) -> Point:
    value, low, high = up.values[row["method"]]
    cost, outcome = row["cost"].get("share_of_retraining"), row["verdict"]["outcome"]
    lines = [f"{at} {label}", *([formatting.label(row["method"])] if formatting.label(row["method"]) != label else [])]
    lines += [LOOKS[outcome][0], f"{up.title.partition(',')[0].lower()} {formatting.digits(value)}"]
    lines += [f"cost {formatting.share(cost)} of retraining"] if costly else []
    x = 100 * cost if costly else place
    # A value may lie outside an interval that resamples examples.
    below, above = max(value - low, 0.0), max(high - value, 0.0)
    return Point(at, label, outcome, formatting.is_control(row), x, value, below, above, "\n".join(lines))


def _drawn(points: Sequence[Point], up: Upward, costly: bool, even: float) -> Chart:
    x, y = np.array([p.x for p in points]), np.array([p.y for p in points])
    most = max(100.0, x.max()) * 1.08
    front = envelope(x, y, most) if costly else ()
    ends = [
        *(p.y - p.below for p in points),
        *(p.y + p.above for p in points),
        *(trace.y[0] for trace in front),
        *(up.band or ()),
        0.0,
    ]
    low, high = min(ends), max(ends)
    room = max(0.06 * (high - low), 0.5 if up.title.endswith("points") else 0.01)
    across = (
        Axis("Cost, share of retraining", PERCENT, -0.05 * most, most)
        if costly
        else Axis("Method, by its number in the table", "", -0.6, len(points) - 0.4, tuple(x), tuple(str(p.number) for p in points))
    )
    axis = Axis(up.title, "", float(low - room), float(high + room), zero=True)
    traces = [trace for outcome in LOOKS for trace in _traces(outcome, [p for p in points if p.outcome == outcome])]
    wide = _labels(points, [p.label for p in points], across, axis, WIDE)
    narrow = _labels(points, [str(p.number) for p in points], across, axis, NARROW)
    return Chart((*front, *traces), across, axis, HEIGHT, up.band, 100 * even if costly else None, wide, narrow)


def _labels(
    points: Sequence[Point], texts: Sequence[str], across: Axis, up: Axis, sizes: Sequence[tuple[int, int]]
) -> tuple[Label, ...]:
    return beside([p.x for p in points], [p.y for p in points], texts, across, up, HEIGHT, sizes)


def _traces(outcome: str, points: Sequence[Point]) -> list[Trace]:
    """Methods of one outcome, then the controls among them, hollow; the first has a place in the legend."""
    name, colour, symbol = LOOKS[outcome]
    made: list[Trace] = []
    for control in (False, True):
        of_kind = [p for p in points if p.control is control]
        if of_kind:
            made.append(Trace(
                "" if made else name, tuple(p.x for p in of_kind), tuple(p.y for p in of_kind), colour, "marks",
                f"{symbol}-open" if control else symbol, hover=tuple(p.hover for p in of_kind),
                below=tuple(p.below for p in of_kind), above=tuple(p.above for p in of_kind),
            ))  # fmt: skip
    return made


def envelope(costs: Array, gaps: Array, most: float) -> tuple[Trace, Trace]:
    """The Pareto front as the least distance from 0 that any method reaches at that cost, drawn on both sides of 0."""
    order = np.argsort(costs, kind="stable")
    best = np.minimum.accumulate(np.abs(gaps)[order])
    x = (*costs[order].tolist(), most)
    y = (*best.tolist(), float(best[-1]))
    return (
        Trace("Nearest at that cost", x, y, "front", "stairs", "dot"),
        Trace("", x, tuple(-v for v in y), "front", "stairs", "dot"),
    )
