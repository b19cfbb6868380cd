"""From arrays and scores to charts: counts and means only, never raw arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from untrain.evaluation.observation import Observation
from untrain.reports import formatting
from untrain.reports.formatting import PERCENT
from untrain.reports.html.chart_spec import Axis, Chart, Trace

Array = np.ndarray[Any, Any]

BINS = 36
NAME = 18  # characters of a class below an axis
LETTER, WIDTH = 7, 380  # pixels of a letter, and of an axis where two charts stand side by side
SIDES = ("forget", "test")
# Colour and dash or symbol of each population, the same in all charts.
LOOKS = {
    "Original": ("original", "dot", "square"),
    "Retrained": ("oracle", "circle", "diamond"),
    "Unlearned": ("ours", "circle", "circle"),
}
BAND = "Single retrained models"


@dataclass(frozen=True, eq=False)
class SideOutputs:
    """Outputs of models on one side: margins and, where there is such a thing, correctness, (m, n), and labels, (n,)."""

    margins: Array
    correct: Array | None
    labels: Array


def outputs_by_side(outputs: Observation) -> dict[str, SideOutputs]:
    """Margins and correctness on the forget set and the test set."""
    rows = {side: np.flatnonzero(np.asarray(outputs.side) == side) for side in SIDES}
    sides = {side: outputs.at(here) for side, here in rows.items()}
    return {
        side: SideOutputs(some.signal("margin"), some.signal("correct") if some.has("correct") else None, np.asarray(some.labels))
        for side, some in sides.items()
    }


def edges(*models: Mapping[str, SideOutputs]) -> Array:
    """Bin edges that hold nearly all margins of some models, widened by a quarter on each side."""
    both = np.concatenate([side.margins.ravel() for sides in models for side in sides.values()])
    if both.size == 0:
        return np.linspace(-1.0, 1.0, BINS + 1)
    low, high = np.quantile(both, [0.002, 0.998])
    room = max(0.25 * (high - low), 0.5)
    return np.linspace(low - room, high + room, BINS + 1)


def margin_chart(populations: Mapping[str, SideOutputs], bins: Array) -> Chart:
    """Histogram of margins of one side, and from the least to the greatest share of single retrained models; what lies beyond
    the bins is counted in the outermost."""
    middle = tuple(np.round((bins[1:] + bins[:-1]) / 2, 3).tolist())
    traces = []
    for who, outputs in populations.items():
        colour, dash, _ = LOOKS[who]
        if who == "Retrained":
            each = np.stack([shares(row, bins) for row in outputs.margins])
            traces.append(band(middle, each, "shelves"))
        traces.append(Trace(who, middle, tuple(shares(outputs.margins, bins).tolist()), colour, "steps", dash))
    return Chart(tuple(traces), Axis("Certainty, nats"), Axis("Share of outputs", PERCENT, 0.0, None))


def shares(margins: Array, bins: Array) -> Array:
    """Share of some margins in each bin, in percent."""
    counts = np.histogram(np.clip(margins, bins[0], bins[-1]), bins)[0]
    return np.asarray(np.round(100 * counts / max(margins.size, 1), 3))


def band(x: tuple[float, ...], each: Array, look: Literal["shelves", "ribbon"]) -> Trace:
    """From the least to the greatest value of single retrained models, (m, x)."""
    edge = (x[1] - x[0]) / 2 if len(x) > 1 and look == "shelves" else 0.5 if look == "shelves" else 0.0
    if edge:  # the outermost steps are as wide as the others
        x, each = (x[0] - edge, *x, x[-1] + edge), np.pad(each, ((0, 0), (1, 1)), mode="edge")
    low, high = each.min(0), each.max(0)
    half = tuple(np.round((high - low) / 2, 4).tolist())
    middle = tuple(np.round((high + low) / 2, 4).tolist())
    return Trace(BAND, x, middle, "floor", look, below=half, above=half)


def class_chart(populations: Mapping[str, SideOutputs], classes: int, names: Sequence[str] | None = None) -> Chart:
    """Accuracy by class of one side; whiskers, and for retrained models a band, reach from the worst model to the best.

    Args:
        populations: name -> what its models put out on the side.
        classes: number of classes.
        names: of the classes; None for their numbers.
    """
    traces = []
    for at, (who, outputs) in enumerate(populations.items()):
        there = [c for c in range(classes) if (outputs.labels == c).any()]
        each = [] if outputs.correct is None else [100 * outputs.correct[:, outputs.labels == c].mean(1) for c in there]
        parts = np.stack(each, axis=1) if each else np.zeros((1, 0))
        means = np.round(parts.mean(0), 3)
        ends = {"below": means - parts.min(0), "above": parts.max(0) - means}
        whiskers = {end: tuple(np.round(np.maximum(lengths, 0), 3).tolist()) for end, lengths in ends.items()}
        colour, _, symbol = LOOKS[who]
        if who == "Retrained" and there:
            traces.append(band(tuple(map(float, there)), parts, "shelves"))
            whiskers = {}
        places = tuple(c + 0.22 * (at - 1) for c in there)
        said = [f"{formatting.label_text(c, names)}\n{formatting.digits(v)}{PERCENT}" for c, v in zip(there, means, strict=True)]
        hover = tuple(f"{who}, {text}" for text in said)
        traces.append(Trace(who, places, tuple(means.tolist()), colour, "dots", symbol, hover=hover, **whiskers))
    step = -(-classes // 20)
    ticks = tuple(range(0, classes, step))
    shown = tuple(formatting.cut(formatting.label_text(c, names), NAME) for c in ticks)
    x = Axis("Class", "", -0.6, classes - 0.4, ticks, shown)
    return Chart(tuple(traces), x, Axis("Accuracy", PERCENT), 320 + _upright(shown))


def by_name(chart: Chart, label: str) -> Chart:
    """The same chart, in which the unlearned models have the name of their method."""
    ours = "Unlearned"
    traces = tuple(
        replace(t, name=label if t.name == ours else t.name, hover=tuple(h.replace(f"{ours}, ", f"{label}, ", 1) for h in t.hover))
        for t in chart.traces
    )
    return replace(chart, traces=traces)


def _upright(names: Sequence[str]) -> int:
    """Pixels of height that names below an axis take beyond a line; they stand upright where they do not fit side by side."""
    longest = max(map(len, names), default=0)
    return LETTER * (longest - 2) if LETTER * (longest + 1) * len(names) > WIDTH else 0
