"""From arrays and scores to charts: counts and means only, never raw arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.core.records import Observation
from untrain.maths.logits import correct, margins
from untrain.report import text
from untrain.report.charts import Axis, Chart, Trace

Array = np.ndarray[Any, Any]
Document = Mapping[str, Any]

BINS = 36
SEEN = ("forget", "test")
# Colour and dash or symbol of each population, the same in all charts.
LOOKS = {
    "original": ("original", "dot", "square"),
    "oracle": ("oracle", "circle", "diamond"),
    "unlearned": ("ours", "circle", "circle"),
}
KINDS = {"whole network": ("whole", "circle"), "part of the network": ("part", "diamond"), "control": ("original", "square")}


@dataclass(frozen=True, eq=False)
class Answers:
    """What models answered on one side: margins and correctness, (m, n), and the labels as given, (n,)."""

    margins: Array
    correct: Array
    labels: Array


def answers(seen: Observation) -> dict[str, Answers]:
    """Margins and correctness on the forget set and the test set."""
    made = {}
    for side in SEEN:
        here = np.flatnonzero(np.asarray(seen.side) == side)
        logits, labels = np.asarray(seen.logits[:, here]), np.asarray(seen.labels)[here]
        made[side] = Answers(margins(logits, labels), correct(logits, labels), labels)
    return made


def pareto(document: Document) -> Chart | None:
    """Forget gap against cost of all methods, with the envelope of the best."""
    rows = [(i, r) for i, r in enumerate(document["results"], 1) if not r["error"] and _placed(r)]
    if not rows:
        return None
    traces = [_kind(kind, [(i, r) for i, r in rows if text.kind_of(r) == kind]) for kind in KINDS]
    costs = [100 * r["cost"]["share_of_retraining"] for _, r in rows]
    gaps = [100 * r["scores"]["forget_gap"]["value"] for _, r in rows]
    band = rows[0][1]["scores"]["forget_gap"]["band"]
    most = max(100.0, *costs) * 1.06
    return Chart(
        "Forget gap against cost",
        (*envelope(costs, gaps, most), *(t for t in traces if t is not None)),
        Axis("Cost, share of retraining's operations", " %", -0.04 * most, most),
        Axis("Forget gap, points", zero=True),
        height=440,
        band=(100 * band[0], 100 * band[1]) if band else None,
    )


def _placed(row: Mapping[str, Any]) -> bool:
    return row["scores"].get("forget_gap", {}).get("value") is not None and row["cost"]["share_of_retraining"] is not None


def _kind(kind: str, rows: list[tuple[int, Mapping[str, Any]]]) -> Trace | None:
    if not rows:
        return None
    colour, symbol = KINDS[kind]
    gaps = [r["scores"]["forget_gap"] for _, r in rows]
    sure = [g["low"] is not None for g in gaps]
    return Trace(
        kind.capitalize(), tuple(100 * r["cost"]["share_of_retraining"] for _, r in rows), tuple(100 * g["value"] for g in gaps),
        colour, "dots", symbol, tuple(str(i) for i, _ in rows), tuple(_told(i, r) for i, r in rows),
        tuple(100 * (g["value"] - g["low"]) if s else 0.0 for g, s in zip(gaps, sure, strict=True)),
        tuple(100 * (g["high"] - g["value"]) if s else 0.0 for g, s in zip(gaps, sure, strict=True)),
    )  # fmt: skip


def _told(at: int, row: Mapping[str, Any]) -> str:
    gap = row["scores"]["forget_gap"]
    cost = text.share(row["cost"]["share_of_retraining"])
    return f"{at} {text.label(row['method'])}<br>gap {text.points(gap)}<br>cost {cost} of retraining"


def envelope(costs: list[float], gaps: list[float], most: float) -> tuple[Trace, Trace]:
    """The Pareto front as the least distance from 0 that any method reaches at that cost, drawn on both sides of 0."""
    order = np.argsort(costs, kind="stable")
    best = np.minimum.accumulate(np.abs(np.asarray(gaps))[order])
    x = (*np.asarray(costs)[order].tolist(), most)
    y = (*best.tolist(), float(best[-1]))
    return (
        Trace("Pareto front: nearest to retraining at that cost or less", x, y, "front", "stairs", "dot"),
        Trace("", x, tuple(-v for v in y), "front", "stairs", "dot"),
    )


def edges(original: dict[str, Answers], oracle: dict[str, Answers]) -> Array:
    """Bin edges that hold nearly all margins of original and oracle models, widened by a quarter on each side."""
    both = np.concatenate([a.margins.ravel() for seen in (original, oracle) for a in seen.values()])
    if both.size == 0:
        return np.linspace(-1.0, 1.0, BINS + 1)
    low, high = np.quantile(both, [0.002, 0.998])
    room = max(0.25 * (high - low), 0.5)
    return np.linspace(low - room, high + room, BINS + 1)


def margin_chart(side: str, shown: Mapping[str, Answers], bins: Array) -> Chart:
    """Histogram of margins of one side; what lies beyond the bins is counted in the outermost."""
    middle = tuple(np.round((bins[1:] + bins[:-1]) / 2, 3).tolist())
    traces = []
    for who, seen in shown.items():
        colour, dash, _ = LOOKS[who]
        counts = np.histogram(np.clip(seen.margins, bins[0], bins[-1]), bins)[0]
        values = np.round(100 * counts / max(seen.margins.size, 1), 3)
        traces.append(Trace(who.capitalize(), middle, tuple(values.tolist()), colour, "steps", dash))
    return Chart(
        f"Margins on the {side} set", tuple(traces), Axis("Margin of the label, nats"), Axis("Share of answers", " %", 0.0, None)
    )


def class_chart(side: str, shown: Mapping[str, Answers], classes: int) -> Chart:
    """Accuracy by class of one side; whiskers are one standard deviation over models."""
    traces = []
    for at, (who, seen) in enumerate(shown.items()):
        found = [c for c in range(classes) if (seen.labels == c).any()]
        parts = [100 * seen.correct[:, seen.labels == c].mean(1) for c in found]
        spread = tuple(float(np.round(p.std(ddof=1), 3)) if len(p) > 1 else 0.0 for p in parts)
        colour, _, symbol = LOOKS[who]
        places = tuple(c + 0.22 * (at - 1) for c in found)
        means = tuple(float(np.round(p.mean(), 3)) for p in parts)
        traces.append(Trace(who.capitalize(), places, means, colour, "dots", symbol, (), (), spread, spread))
    step = -(-classes // 20)
    ticks = tuple(range(0, classes, step))
    return Chart(
        f"Accuracy by class on the {side} set", tuple(traces),
        Axis("Class", "", -0.6, classes - 0.4, ticks, tuple(map(str, ticks))), Axis("Accuracy", " %"),
    )  # fmt: skip


def masks(document: Document) -> dict[str, dict[str, tuple[int, int]]]:
    """Where masks lie: names of the methods that share one -> layer -> weights in the mask, weights in all."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    same: dict[str, str] = {}
    for row in document["results"]:
        layers = by_layer(row["layers"])
        if layers:
            name = same.pop(repr(layers), "")
            found.pop(name, None)
            name = ", ".join(filter(None, [name, text.label(row["method"])]))
            same[repr(layers)], found[name] = name, layers
    return found


def by_layer(layers: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Layer -> weights in the mask, weights in all; a layer's weight and bias are taken together."""
    found: dict[str, tuple[int, int]] = {}
    for name, (kept, total) in layers.items():
        layer = name.rpartition(".")[0] or name
        before = found.get(layer, (0, 0))
        found[layer] = (before[0] + kept, before[1] + total)
    return found


def mask_chart(found: Mapping[str, Mapping[str, tuple[int, int]]]) -> Chart | None:
    """Share of each layer in each mask."""
    if not found:
        return None
    layers = list(dict.fromkeys(name for held in found.values() for name in held))[::-1]
    colours = ("part", "whole", "oracle", "original")
    traces = []
    for at, (name, held) in enumerate(found.items()):
        shares = tuple(100 * held[n][0] / max(held[n][1], 1) if n in held else 0.0 for n in layers)
        hover = tuple(f"{n}: {s:.1f} %" for n, s in zip(layers, shares, strict=True))
        where = tuple(float(i) for i in range(len(layers)))
        traces.append(Trace(_short(name), shares, where, colours[at % len(colours)], "bars", hover=hover))
    places = Axis("", "", -0.6, len(layers) - 0.4, tuple(range(len(layers))), tuple(layers))
    height = min(110 + (16 * len(traces) + 10) * len(layers), 1400)
    return Chart("Share of each layer in the mask", tuple(traces), Axis("In the mask", " %", 0.0, 100.0), places, height)


def _short(name: str, most: int = 44) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
