"""Charts of a leaderboard: ranks with their intervals, and severity against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from untrain.reports import formatting
from untrain.reports.html.chart_spec import Axis, Chart, Trace
from untrain.reports.html.label_placement import NARROW, WIDE, beside
from untrain.reports.leaderboard import differing, severity

Row = Mapping[str, Any]
LOOKS = {"method": ("ours", "circle"), "control": ("original", "square")}
HEIGHT = 440
LEAST = 0.01  # severities and costs below it are drawn there


def _split(standings: Sequence[Row], controls: set[str]) -> list[tuple[str, list[tuple[int, Row]]]]:
    """Kind -> its standings, each with its number."""
    kinds = [("method", False), ("control", True)]
    numbered = list(enumerate(standings, 1))
    return [
        (kind, chosen)
        for kind, is_control in kinds
        if (chosen := [p for p in numbered if (p[1]["name"] in controls) is is_control])
    ]


def rank_chart(standings: Sequence[Row], names: Mapping[str, str], controls: set[str]) -> Chart:
    """Rank of each method with its 95 % interval, in the order of the table."""
    traces = []
    for kind, chosen in _split(standings, controls):
        colour, symbol = LOOKS[kind]
        hover = tuple(
            f"{names[s['name']]}\nrank {s['rank']:g}, {s['rank_low']:.0f} to {s['rank_high']:.0f}\ndiffers from: {differing(s)}"
            for _, s in chosen
        )
        traces.append(
            Trace(
                kind.capitalize() + "s", tuple(float(at) for at, _ in chosen), tuple(s["rank"] for _, s in chosen), colour, "dots",
                symbol, hover=hover, below=tuple(s["rank"] - s["rank_low"] for _, s in chosen),
                above=tuple(s["rank_high"] - s["rank"] for _, s in chosen),
            )
        )  # fmt: skip
    count = len(standings)
    step = -(-count // 20)
    ticks = tuple(float(at) for at in range(1, count + 1, step))
    across = Axis("Method, by its number in the table", "", 0.4, count + 0.6, ticks, tuple(f"{at:.0f}" for at in ticks))
    return Chart(tuple(traces), across, Axis("Rank", "", count + 0.6, 0.4), 340)


def pareto_chart(standings: Sequence[Row], names: Mapping[str, str], controls: set[str]) -> Chart | None:
    """Severity against cost, both by factors, with the front; None where no cost is known."""
    known = [(at, s) for at, s in enumerate(standings, 1) if s["cost"] is not None]
    if not known:
        return None
    x = np.maximum([100 * s["cost"] for _, s in known], LEAST)
    y = np.maximum([s["severity"] for _, s in known], LEAST)
    most = max(100.0, float(x.max())) * 1.5
    placed = {s["name"]: place for (_, s), place in zip(known, zip(x.tolist(), y.tolist(), strict=True), strict=True)}
    traces = []
    best = sorted(placed[s["name"]] for _, s in known if s["front"])
    if best:
        traces.append(
            Trace("Pareto front", (*(p for p, _ in best), most), (*(v for _, v in best), best[-1][1]), "front", "stairs", "dot")
        )
    for kind, all_of_kind in _split(standings, controls):
        chosen = [(at, s) for at, s in all_of_kind if s["name"] in placed]
        if not chosen:
            continue
        colour, symbol = LOOKS[kind]
        hover = tuple(
            f"{at} {names[s['name']]}\nseverity {severity(s['severity'])}\ncost {formatting.share(s['cost'])} of retraining"
            for at, s in chosen
        )
        points = [placed[s["name"]] for _, s in chosen]
        traces.append(
            Trace(
                kind.capitalize() + "s", tuple(p[0] for p in points), tuple(p[1] for p in points), colour, "marks", symbol,
                hover=hover,
            )
        )  # fmt: skip
    cost = Axis("Cost, share of retraining", formatting.PERCENT, LEAST * 0.7, most, log=True)
    far = Axis("Severity, margins", "", float(y.min()) / 2, float(y.max()) * 2, log=True)
    numbers = [str(at) for at, _ in known]
    wide, narrow = (beside(x.tolist(), y.tolist(), numbers, cost, far, HEIGHT, sizes) for sizes in (WIDE, NARROW))
    return Chart(tuple(traces), cost, far, HEIGHT, labels=wide, narrow=narrow)
