"""The page of ``untrain localize``: where memorization lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from untrain.reports import formatting
from untrain.reports.html import mask_charts
from untrain.reports.html.chart_spec import Axis, Chart, Trace
from untrain.reports.html.drawing import Drawn
from untrain.reports.html.page import NO_PLOTLY, embedded, environment, plotly, shipped

Row = Mapping[str, Any]
MOST = 3  # layers that are named of a mask
KINDS = {"batches": ("Across batches", "ours", "circle", -0.12), "seeds": ("Across seeds", "oracle", "diamond", 0.12)}


@dataclass(frozen=True)
class LocalizerRow:
    """A localizer in the first table: number, spelling, its error or its cells (value, remark)."""

    number: int
    name: str
    error: str = ""
    cells: tuple[tuple[str, str], ...] = ()


def masks_page(document: Row, command: str) -> str:
    """A page on the masks of some localizers, one HTML text that needs no network.

    Args:
        document: what ``untrain.localizers`` returns.
        command: the command that made it, shown as it is.
    """
    drawn = Drawn(plotly())
    done = [(at, row) for at, row in enumerate(document["results"], 1) if not row["error"]]
    masks = {f"{at} {formatting.label(row['localizer'])}": row["layers"] for at, row in done}
    shared = _shared(document)
    charts = {
        "shares": drawn.add("shares", mask_charts.share_chart(masks)),
        "overlap": drawn.add("overlap", mask_charts.overlap_chart(shared) if shared else None),
        "stability": drawn.add("stability", stability_chart(document)),
    }
    return environment().get_template("localize.html").render(
        document=document, command=command, version=document["setting"]["untrain"], setting=document["setting"],
        opening=opening(document),
        lines=[line(at, row) for at, row in enumerate(document["results"], 1)], notes=_notes(document), charts=charts,
        masks=masks, shares=mask_charts.share_table(masks), shared=shared,
        pairs=mask_charts.overlap_table(shared) if shared else [],
        missing=NO_PLOTLY if drawn.plotly is None else "", style=shipped("colours.css") + shipped("style.css"),
        script=shipped("charts.js"),
        plotly=Markup(drawn.plotly.source()) if drawn.plotly else "", figures=embedded(drawn.figures),
        results=embedded({"command": command, **document}),
    )  # fmt: skip


def line(at: int, row: Row) -> LocalizerRow:
    """A localizer's cells: share, where most of its mask lies, stability across batches and seeds, seconds."""
    name = formatting.label(row["localizer"])
    if row["error"]:
        return LocalizerRow(at, name, row["error"])
    reach = "" if row["low"] == row["high"] else f"{formatting.share(row['low'])} to {formatting.share(row['high'])}"
    batches, seeds = (row["stability"][kind] for kind in ("batches", "seeds"))
    by_layer = formatting.digits(seeds["layers"], 3)
    return LocalizerRow(at, name, "", (
        (formatting.share(row["share"]), reach), (mostly(row), ""), _stable(batches), _stable(seeds), (by_layer, ""),
        (formatting.digits(row["seconds"], 2), ""),
    ))  # fmt: skip


def mostly(row: Row) -> str:
    """The layers that hold most of a mask, with the share of the mask that lies in each."""
    best = sorted(row["layers"], key=lambda each: -each["of_mask"])[:MOST]
    return ", ".join(
        f"{mask_charts.layer_name(each['layer'])} ({formatting.share(each['of_mask'])})" for each in best if each["of_mask"]
    )


def opening(document: Row) -> list[str]:
    """Overlap of masks for random halves of the forget set, and by chance; not a verdict, since nothing is tested."""
    by_kind: dict[str, list[str]] = {"ends": [], "same": []}
    for row in document["results"]:
        overlap = None if row["error"] else row["stability"]["batches"]
        if overlap is None or overlap["iou"] is None:
            continue
        name = formatting.label(row["localizer"])
        if overlap["low"] == 1:
            by_kind["same"].append(name)
        else:
            by_kind["ends"].append(f"{name} {overlap['low']:.2f} to {overlap['high']:.2f}, by chance {overlap['chance']:.2f}")
    words = {
        "ends": "What masks for random halves of the forget set have in common, least to greatest over models: {}.",
        "same": "The same whatever half is to be forgotten: {}.",
    }
    return [words[kind].format("; ".join(names)) for kind, names in by_kind.items() if names]


def _stable(overlap: Row) -> tuple[str, str]:
    """Overlap, and chance's; or why there is none."""
    return ("–", overlap["reason"]) if overlap["iou"] is None else (f"{overlap['iou']:.3f}", f"chance {overlap['chance']:.3f}")


def _shared(document: Row) -> mask_charts.Overlaps | None:
    localizers = [(at, row["localizer"]) for at, row in enumerate(document["results"], 1) if not row["error"]]
    place = {name: i for i, (_, name) in enumerate(localizers)}
    pairs = {(place[p["other"]], place[p["one"]]): p for p in document["overlap"] if p["iou"] is not None}
    names = tuple(f"{at} {formatting.short(name)}" for at, name in localizers)
    return mask_charts.Overlaps(names, tuple(str(at) for at, _ in localizers), pairs) if pairs else None


def stability_chart(document: Row) -> Chart | None:
    """Overlap of the masks of one localizer across batches and seeds, and by chance."""
    done = [(at, row["stability"]) for at, row in enumerate(document["results"], 1) if not row["error"]]
    traces, chance = [], list[tuple[float, float]]()
    for kind, (name, colour, symbol, aside) in KINDS.items():
        places = [(i + aside, stability[kind]) for i, (_, stability) in enumerate(done) if stability[kind]["iou"] is not None]
        if places:
            x, rows = zip(*places, strict=True)
            y = tuple(r["iou"] for r in rows)
            below, above = tuple(r["iou"] - r["low"] for r in rows), tuple(r["high"] - r["iou"] for r in rows)
            hover = tuple(f"{name}\n{mask_charts.iou(r)[0]} {mask_charts.iou(r)[1]}\nchance {mask_charts.iou(r)[2]}" for r in rows)
            traces.append(Trace(name, x, y, colour, "dots", symbol, hover=hover, below=below, above=above))
            chance += [(at, r["chance"]) for at, r in places]
    if not traces:
        return None
    x, y = zip(*chance, strict=True)
    traces.append(Trace("By chance", x, y, "ink", "dots", "line-ew-open"))
    at = tuple(float(i) for i in range(len(done)))
    across = Axis("Localizer", "", -0.6, len(done) - 0.4, at, tuple(str(n) for n, _ in done))
    return Chart(tuple(traces), across, Axis("Intersection over union", "", -0.03, 1.03), 340)


def _notes(document: Row) -> list[tuple[str, str]]:
    read = [("data and request", note) for note in document.get("warnings", ())]
    return read + [(formatting.label(row["localizer"]), note) for row in document["results"] for note in row.get("notes", ())]
