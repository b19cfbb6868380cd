"""Places and overlaps of masks: charts and the tables below them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from untrain.reports import formatting
from untrain.reports.formatting import PERCENT
from untrain.reports.html.chart_spec import Axis, Chart, Trace

Row = Mapping[str, Any]
Rows = Sequence[Row]
COLOURS = ("part", "whole", "front", "original", "plum", "rose")
MANY = 16  # layers, from which on bars are thin
WIDE = 18  # letters of a name beside a chart, so that a telephone has room for the chart


@dataclass(frozen=True)
class LayerShare:
    """A layer in the table of shares: its name, its weights, and of each mask the share of them that it holds and the reach."""

    layer: str
    weights: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Overlaps:
    """Overlaps of masks.

    Args:
        names: of the masks.
        marks: what stands for each name where there is little room.
        pairs: rows of ``untrain.experiments.mask_overlap.compared``, by the places of both masks in ``names``, the later one first.
    """

    names: tuple[str, ...]
    marks: tuple[str, ...]
    pairs: Mapping[tuple[int, int], Row]


def grouped(document: Row) -> dict[str, Rows]:
    """Methods that share a mask's share of every layer, by their labels -> rows by layer."""
    groups: list[tuple[Rows, list[int]]] = []
    for at, row in enumerate(document["results"], 1):
        same = next((h for h in groups if h[0] == row["layers"]), None)
        if row["layers"] and same is None:
            groups.append((row["layers"], [at]))
        elif row["layers"] and same is not None:
            same[1].append(at)
    return {_named(document, numbers): layers for layers, numbers in groups}


def _named(document: Row, numbers: Sequence[int]) -> str:
    labels = formatting.lettered([row["method"] for row in document["results"]])
    return ", ".join(labels[document["results"][n - 1]["method"]] for n in numbers)


def of_run(document: Row) -> Overlaps | None:
    """Overlaps of the masks of a run's methods; methods with the same mask on every model are one."""
    pairs = {(p["one"], p["other"]): p for p in document.get("overlap", ()) if p["iou"] is not None}
    place = {row["method"]: at for at, row in enumerate(document["results"], 1)}
    masks: list[list[str]] = []
    for method in sorted({m for pair in pairs for m in pair}, key=place.__getitem__):
        same = next((g for g in masks if pairs[g[0], method]["low"] == 1), None)
        if same is None:
            masks.append([method])
        else:
            same.append(method)
    if len(masks) < 2:
        return None
    numbers = [[place[m] for m in group] for group in masks]
    by_place = {(i, j): pairs[masks[j][0], masks[i][0]] for i in range(len(masks)) for j in range(i)}
    marks = tuple(map(str, range(1, len(masks) + 1)))
    names = tuple(f"{mark}: {_named(document, each)}" for mark, each in zip(marks, numbers, strict=True))
    return Overlaps(names, marks, by_place)


def share_chart(masks: Mapping[str, Rows]) -> Chart | None:
    """Share of each layer in each mask, in the order in which an example meets the layers; whiskers over models."""
    if not masks:
        return None
    layers = _layers(masks)
    where = tuple(float(i) for i in range(len(layers)))
    traces = []
    for at, (name, rows) in enumerate(masks.items()):
        by_layer = {row["layer"]: row for row in rows}
        kept, low, high = (tuple(round(100 * _of(by_layer, n, end), 3) for n in layers) for end in ("kept", "low", "high"))
        hover = tuple(f"{n}\n{_cell(by_layer[n])[0]} {_cell(by_layer[n])[1]}".strip() if n in by_layer else n for n in layers)
        below, above = (tuple(abs(k - e) for k, e in zip(kept, reach, strict=True)) for reach in (low, high))
        colour, still = COLOURS[at % len(COLOURS)], not any((*below, *above))
        ends = ((), ()) if still else (below, above)
        traces.append(Trace(textwrap.fill(name, 34), kept, where, colour, "bars", hover=hover, below=ends[0], above=ends[1]))
    names = tuple(_folded(layer_name(n)) for n in layers)
    places = Axis("", "", len(layers) - 0.4, -0.6, where, names)
    thick = 14 if len(layers) <= MANY else 8
    height = min(110 + (thick * len(traces) + 8) * len(layers), 2400)
    return Chart(tuple(traces), Axis("In the mask", PERCENT, 0.0, 102.0), places, height)


def share_table(masks: Mapping[str, Rows]) -> list[LayerShare]:
    """The same as lines, one per layer."""
    lines = []
    for layer in _layers(masks):
        cells = [next((row for row in rows if row["layer"] == layer), None) for rows in masks.values()]
        size = next(row["weights"] for row in cells if row is not None)
        lines.append(LayerShare(layer_name(layer), f"{size:,}", tuple(("–", "") if row is None else _cell(row) for row in cells)))
    return lines


def overlap_chart(shown: Overlaps) -> Chart:
    """Intersection over union of each two masks below the diagonal, and above it what chance would give."""
    cells = [(j, i, row["iou"]) for (i, j), row in shown.pairs.items()]
    cells += [(i, j, row["chance"]) for (i, j), row in shown.pairs.items()]
    x, y, values = zip(*cells, strict=True)
    hover = tuple(f"{shown.names[r]}\n{shown.names[c]}\n{v:.3f} {'in common' if r > c else 'by chance'}" for c, r, v in cells)
    words, size = tuple(f"{v:.2f}" for v in values), len(shown.names)
    grid = Trace("", tuple(map(float, x)), tuple(map(float, y)), "whole", "cells", words=words, hover=hover, values=values)
    at = tuple(float(i) for i in range(size))
    across = Axis("", "", -0.5, size - 0.5, at, tuple(textwrap.fill(m, 7) for m in shown.marks))
    down = Axis("", "", size - 0.5, -0.5, at, tuple(textwrap.fill(n, WIDE) for n in shown.names))
    return Chart((grid,), across, down, 70 + 46 * size)


def overlap_table(shown: Overlaps) -> list[tuple[str, str, tuple[str, ...]]]:
    """The same as lines: two names, and what they have in common, the least and the most of it, chance, and by layer."""
    return [(shown.names[j], shown.names[i], iou(row)) for (i, j), row in sorted(shown.pairs.items())]


def iou(row: Row) -> tuple[str, str, str, str]:
    """An overlap's value, its reach over models, chance, and overlap of shares by layer, in words."""
    reach = "" if row["low"] == row["high"] else f"{row['low']:.3f} to {row['high']:.3f}"
    return (formatting.digits(row["iou"], 3), reach, formatting.digits(row["chance"], 3), formatting.digits(row["layers"], 3))


def layer_name(layer: str) -> str:
    """A layer's name; one of a sequence, which is a number, is called a layer."""
    return f"layer {layer}" if layer.isdigit() else layer


def _folded(layer: str) -> str:
    """A long name in lines, which end after a dot."""
    return textwrap.fill(layer.replace(".", ". "), WIDE).replace(". ", ".")


def _layers(masks: Mapping[str, Rows]) -> list[str]:
    return list(dict.fromkeys(row["layer"] for rows in masks.values() for row in rows))


def _of(by_layer: Mapping[str, Row], layer: str, end: str) -> float:
    return float(by_layer[layer][end]) if layer in by_layer else 0.0


def _cell(row: Row) -> tuple[str, str]:
    """The share of a layer that is in a mask, and its reach over models."""
    reach = "" if row["low"] == row["high"] else f"{formatting.share(row['low'])} to {formatting.share(row['high'])}"
    return formatting.share(row["kept"]), reach
