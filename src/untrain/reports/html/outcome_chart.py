"""The picture that a report opens with: how far each method is from retraining, what it costs, and its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from untrain.evaluation.protocols.outcome import DAMAGED, HIDES, OPEN, PASSES, REMEMBERS
from untrain.reports import formatting
from untrain.reports.formatting import PERCENT
from untrain.reports.html.chart_spec import Axis, Chart, Label, Trace
from untrain.reports.html.label_placement import NARROW, WIDE, beside
from untrain.reports.standing import LEAST, farthest

Document = Mapping[str, Any]
Row = Mapping[str, Any]

HEIGHT = 460
# Name in the legend, colour and symbol of each outcome.
LOOKS: Mapping[str, tuple[str, str, str]] = {
    PASSES: ("Passes", "good", "circle"),
    REMEMBERS: ("Fails: still knows the forget set", "bad", "triangle-down"),
    HIDES: ("Fails: hides the forget set", "rose", "square"),
    DAMAGED: ("Fails: forgot too much, or broke something", "plum", "triangle-up"),
    OPEN: ("Open", "warn", "diamond"),
}


@dataclass(frozen=True)
class OutcomeChart:
    """The picture, and what its axes and its band are in a sentence each."""

    chart: Chart
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Upward:
    """The vertical axis: title, its meaning, the shaded band and what it is, and row -> value, low, high, and a remark on them."""

    title: str
    means: str
    shaded: str
    band: tuple[float, float] | None
    values: Mapping[str, tuple[float, float, float]]
    words: Mapping[str, str]
    log: bool = False


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
    hollow = ("Hollow marks are controls, run to compare with.",) if any(p.control for p in points) else ()
    captions = (up.means, *([up.shaded] if up.band else []), *hollow)
    return OutcomeChart(_drawn(points, up, costly, document["break_even"]["share"]), captions)


def upward(rows: Sequence[Row]) -> Upward | None:
    """The distance that decides, in margins, on the endpoint where a method is farthest; without endpoints the forget gap."""
    worst = {row["method"]: found for row in rows if (found := farthest(row))}
    if worst:
        return Upward(
            "Distance from retraining (1 is allowed)",
            "Up: distance from retraining, in multiples of what is allowed, on the measure on which a method is farthest; its line "
            "holds what the test does not exclude.",
            "The shaded band is what is allowed. To pass, a method has to lie in it with its whole line, and nothing else may give "
            "it away.",
            (LEAST, 1.0), {method: (d.value, d.low, d.high) for method, d in worst.items()},
            {method: d.words for method, d in worst.items()},
            log=True,
        )  # fmt: skip
    gaps = {row["method"]: score for row in rows if (score := row["scores"].get("forget_gap")) and score["value"] is not None}
    if not gaps:
        return None
    band = next((score["band"] for score in gaps.values()), None)
    return Upward(
        "Forget gap, points",
        "Up: points of accuracy on the examples to forget by which a method is below retraining; below 0, it is above retraining. "
        "Lines are 95 % intervals.",
        "The shaded band is where 19 of 20 further groups of retrained models would lie.",
        (100 * band[0], 100 * band[1]) if band else None,
        {method: _scaled(score["value"], score["low"], score["high"]) for method, score in gaps.items()},
        {method: f"forget gap {formatting.digits(100 * score['value'])}" for method, score in gaps.items()},
    )


def _scaled(value: float, low: float | None, high: float | None) -> tuple[float, float, float]:
    return 100 * value, 100 * (value if low is None else low), 100 * (value if high is None else high)


def _point(at: int, row: Row, label: str, up: Upward, place: float, costly: bool) -> Point:
    value, low, high = up.values[row["method"]]
    cost, outcome = row["cost"].get("share_of_retraining"), row["verdict"]["outcome"]
    spelled = formatting.label(row["method"])
    lines = [label, *([spelled] if spelled != label else [])]
    lines += [LOOKS[outcome][0], up.words[row["method"]]]
    lines += [f"cost {formatting.share(cost)} of retraining"] if costly else []
    x = 100 * cost if costly else place
    # A value may lie outside an interval that resamples examples.
    below, above = max(value - low, 0.0), max(high - value, 0.0)
    return Point(at, label, outcome, formatting.is_control(row), x, value, below, above, "\n".join(lines))


def _drawn(points: Sequence[Point], up: Upward, costly: bool, even: float) -> Chart:
    most = max(100.0, *(p.x for p in points)) * 1.25
    ends = [*(p.y - p.below for p in points), *(p.y + p.above for p in points), *(up.band or ()), *([] if up.log else [0.0])]
    low, high = min(ends), max(ends)
    room = max(0.06 * (high - low), 0.5)
    across = (
        Axis("Cost, share of retraining", PERCENT, -0.05 * most, most)
        if costly
        else Axis("Methods, side by side" if len(points) > 1 else "Method", "", -0.6, len(points) - 0.4,
                  tuple(p.x for p in points), ("",) * len(points))
    )  # fmt: skip
    axis = _margins(low, high) if up.log else Axis(up.title, "", float(low - room), float(high + room), zero=True)
    axis = replace(axis, title=up.title)
    traces = [trace for outcome in LOOKS for trace in _traces(outcome, [p for p in points if p.outcome == outcome])]
    line = 100 * even if costly else None
    wide = _labels(points, [p.label.replace(" @ ", "\n@ ") for p in points], across, axis, WIDE, line)
    narrow = _labels(points, [formatting.tag(p.number) for p in points], across, axis, NARROW, line)
    return Chart(tuple(traces), across, axis, HEIGHT, up.band, line, wide, narrow)


def _margins(low: float, high: float) -> Axis:
    """An axis of multiples of a margin, by factors."""
    places = tuple(m * 10.0**e for e in range(-1, 4) for m in (1, 2, 5) if low / 1.3 <= m * 10.0**e <= 1.3 * high)
    return Axis("", "", low / 1.3, 1.3 * high, places, tuple(f"{p:g}" for p in places), log=True)


def _labels(
    points: Sequence[Point], texts: Sequence[str], across: Axis, up: Axis, sizes: Sequence[tuple[int, int]], line: float | None
) -> tuple[Label, ...]:
    """Labels that lie on no whisker and not on the upright line, where there is room."""
    x, y = [p.x for p in points], [p.y for p in points]
    drawn = [(p.x, p.y - p.below, p.y + p.above) for p in points if p.below or p.above]
    drawn += [] if line is None or up.least is None or up.most is None else [(line, up.least, up.most)]
    return beside(x, y, texts, across, up, HEIGHT, sizes, drawn)


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
