"""The page of planted facts: hit rates, gaps and the claims that they decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

LEAD, TRUTH = "WeightedGrad, channel", "the planted weights"
Row = Mapping[str, Any]


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Mean of independent values, and the ends of Student's interval.

    >>> [round(end, 3) for end in interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    """
    mean, half = float(np.mean(values)), 0.0
    if len(values) > 1:
        half = float(stats.t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def decided(differences: Sequence[float], comparisons: int) -> str:
    """'more', 'less' or 'open', by an interval whose level allows for so many comparisons.

    >>> decided([0.2, 0.21, 0.19], 3), decided([-0.2, -0.21, -0.19], 3), decided([0.2, -0.2, 0.1], 3)
    ('more', 'less', 'open')
    """
    _, low, high = interval(differences, 1 - 0.05 / comparisons)
    return "more" if low > 0 else "less" if high < 0 else "open"


def page(document: Mapping[str, Any]) -> str:
    """The page."""
    rows: list[Row] = document["rows"]
    layers, names = list(document["layers"]), list(dict.fromkeys(row["localizer"] for row in rows))
    others = [name for name in names if name not in (LEAD, TRUTH)]
    head = [
        "# Localizers against a planted truth",
        "",
        "A network is trained on digits. Then eight channels of one layer, and nothing else, are trained until it knows twenty held-out "
        "digits with wrong labels beside what it knew. So these weights hold the facts by construction: put back to what they were, "
        "they give back a network that never saw them. Each localizer gets the budget of the planted weights.",
        "",
        f"By `{document['command']}` on {document['date']}, {document['seeds']} seeds (network, facts, channels), "
        f"{document['machine']}, torch {document['torch']}, {document['seconds'] / 60:.0f} CPU-minutes, at commit "
        f"{document['commit'][:12]}{' with changes' if document['changed'] else ''}. Intervals are Student's over seeds, 95 %.",
        "",
        f"Planting: `{document['planting']}`. Unlearning: `{document['unlearning']}`, confined to the mask, head included.",
        "",
        "| Layer | Planted in | Share of the weights | Facts known before | planted | Test accuracy before | planted |",
        "|---|---|---|---|---|---|---|",
        *(_planted(document["layers"][layer], layer, rows) for layer in layers),
        "",
        "## Hit rate",
        "",
        "The share of a mask that lies in the planted weights. A mask drawn anywhere has their share of all weights. Where a mask has as "
        "many weights as were planted, this is also the share of the planted weights that it has; the last column has that share.",
        "",
        f"| Localizer | {' | '.join(layers)} | Found of the planted, {', '.join(layers)} |",
        f"|---|{'---|' * (len(layers) + 1)}",
        *(_line(name, rows, layers, "precision", "recall") for name in names if name != TRUTH),
        "",
        "## Unlearning within the mask",
        "",
        "Facts that the network knew before planting less those after unlearning, in points: 0 is ideal, -100 is all remembered. The last "
        "column is the accuracy on what was to stay.",
        "",
        f"| Localizer | {' | '.join(layers)} | Retain accuracy, {', '.join(layers)} |",
        f"|---|{'---|' * (len(layers) + 1)}",
        *(_line(name, rows, layers, "gap", "retain") for name in names),
        "",
        f"## Does {LEAD} find more?",
        "",
        f"Paired differences of hit rates, {LEAD} less the other, in points; in brackets 95 % intervals. A verdict allows for all "
        f"{len(others) * len(layers)} comparisons (Bonferroni).",
        "",
        f"| Against | {' | '.join(layers)} |",
        f"|---|{'---|' * len(layers)}",
        *(_versus(name, rows, layers, len(others) * len(layers)) for name in others),
        "",
    ]
    reasons = sorted({f"{row['localizer']}, {row['layer']}: {row['reason']}" for row in rows if "reason" in row})
    return "\n".join([*head, *(["## Without a mask", "", *(f"- {line}" for line in reasons), ""] if reasons else [])])


def column(rows: Sequence[Row], name: str, layer: str, figure: str) -> dict[int, float]:
    """A figure by seed."""
    return {r["seed"]: r[figure] for r in rows if r["localizer"] == name and r["layer"] == layer and figure in r}


def _planted(tensor: str, layer: str, rows: Sequence[Row]) -> str:
    figures = ("chance", "before", "planted", "base_test", "test")
    shown = [_percent(list(column(rows, TRUTH, layer, figure).values())) for figure in figures]
    return f"| {layer} | `{tensor}` | {' | '.join(shown)} |"


def _line(name: str, rows: Sequence[Row], layers: Sequence[str], figure: str, last: str) -> str:
    cells = [list(column(rows, name, layer, figure).values()) for layer in layers]
    ends = [list(column(rows, name, layer, last).values()) for layer in layers]
    short = ", ".join(f"{100 * np.mean(values):.0f} %" if values else "–" for values in ends)
    return f"| {name} | {' | '.join(_percent(values) for values in cells)} | {short} |"


def _percent(values: Sequence[float]) -> str:
    if not values:
        return "–"
    mean, low, high = (100 * each for each in interval(values))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]" if high - low > 1e-9 else f"{mean:.1f}"


def _versus(name: str, rows: Sequence[Row], layers: Sequence[str], comparisons: int) -> str:
    cells = []
    for layer in layers:
        ours, theirs = (column(rows, each, layer, "precision") for each in (LEAD, name))
        differences = [ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()]
        cells.append(f"{_percent(differences)} {decided(differences, comparisons)}" if len(differences) > 1 else "–")
    return f"| {name} | {' | '.join(cells)} |"
