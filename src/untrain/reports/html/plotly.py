"""Plotly: charts as JSON, and the script that draws them without a network."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from plotly.offline import get_plotlyjs

Words = Mapping[str, Any]


def source() -> str:
    """The text of plotly.js, some 5 MB, safe inside a ``<script>`` element."""
    return str(get_plotlyjs()).replace("</script", "<\\/script")


def figure(
    traces: Sequence[Words], x: Words, y: Words, height: int, band: Sequence[float] | None = None, line: float | None = None,
    labels: Sequence[Words] = (), narrow: Sequence[Words] = (),
) -> dict[str, Any]:  # fmt: skip
    """A plotly figure as JSON-able data; colours are ``var(--name)``, to be filled in from the page's style sheet.

    Args:
        traces: as the fields of ``chart_spec.Trace``.
        x: the horizontal axis, as the fields of ``chart_spec.Axis``.
        y: the vertical axis.
        height: pixels.
        band: y values between which the ground is shaded.
        line: x value at which a dotted line stands.
        labels: as the fields of ``chart_spec.Label``.
        narrow: labels for a narrow window, which the page's script shows instead of the others.
    """
    layout: dict[str, Any] = {
        "height": height, "xaxis": _axis(x), "yaxis": _axis(y), "barmode": "group", "dragmode": False, "hovermode": "closest",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8}, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": _css("ink")},
        "hoverlabel": {"align": "left", "bgcolor": _css("card"), "bordercolor": _css("line"), "font": {"color": _css("ink")}},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"},
        "annotations": [_label(each, x["log"], y["log"]) for each in labels],
        "shapes": [*([] if band is None else [_shade(band)]), *([] if line is None else [_post(line)])],
    }  # fmt: skip
    # Plain data: plotly's own classes take 70 ms to check one figure; a test checks them instead.
    drawn = {"data": [drawn for t in traces for drawn in _LOOKS[t["look"]](t)], "layout": layout}
    return drawn | ({"narrow": [_label(each, x["log"], y["log"]) for each in narrow]} if narrow else {})


def _shade(band: Sequence[float]) -> dict[str, Any]:
    ends = {"x0": 0, "x1": 1, "y0": band[0], "y1": band[1]}
    return {
        "type": "rect",
        "xref": "x domain",
        "yref": "y",
        "fillcolor": _css("band"),
        "layer": "below",
        "line": {"width": 0},
        **ends,
    }


def _post(at: float) -> dict[str, Any]:
    ends = {"x0": at, "x1": at, "y0": 0, "y1": 1}
    look = {"color": _css("ink"), "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "y domain", "layer": "below", "line": look, **ends}


def _label(label: Words, log_x: bool, log_y: bool) -> dict[str, Any]:
    # Plotly places annotations on a logarithmic axis by the logarithm.
    at = {"x": math.log10(label["x"]) if log_x else label["x"], "y": math.log10(label["y"]) if log_y else label["y"]}
    look = {"text": _plain(label["text"]), "font": {"color": _css("ink"), "size": 13}, "borderpad": 0}
    if not label["line"]:
        return {**at, **look, "showarrow": False, "xshift": label["right"], "yshift": label["up"]}
    lead = {"showarrow": True, "arrowhead": 0, "arrowwidth": 1, "arrowcolor": _css("quiet"), "standoff": 6}
    return {**at, **look, **lead, "ax": label["right"], "ay": -label["up"]}


def _plain(text: str) -> str:
    """Text that plotly shows as it is: it reads a few HTML elements, and data may hold some."""
    return html.escape(text, quote=False).replace("\n", "<br>")


def _css(name: str) -> str:
    return f"var(--{name})"


def _axis(axis: Words) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "title": {"text": axis["title"], "standoff": 8, "font": {"size": 13}}, "ticksuffix": axis["suffix"], "automargin": True,
        "zeroline": axis["zero"],
        "zerolinecolor": _css("ink"), "gridcolor": _css("line"), "linecolor": _css("line"), "fixedrange": True,
    }  # fmt: skip
    if axis["least"] is not None:
        ends = (axis["least"], axis["most"])
        shown["range"] = [math.log10(end) for end in ends] if axis["log"] else list(ends)
    if axis["log"]:
        shown |= {"type": "log", "tickangle": 0}
    if axis["places"]:
        shown |= {"tickvals": list(axis["places"]), "ticktext": list(map(_plain, axis["names"])), "showgrid": axis["log"]}
    return shown


def _common(trace: Words) -> dict[str, Any]:
    hover = {"hovertext": list(map(_plain, trace["hover"])), "hoverinfo": "text"} if trace["hover"] else {}
    return {"name": _plain(trace["name"]), "showlegend": bool(trace["name"]), "x": list(trace["x"]), "y": list(trace["y"]), **hover}


def _line(shape: str) -> Any:
    def draw(trace: Words) -> list[dict[str, Any]]:
        dash = "solid" if trace["symbol"] == "circle" else trace["symbol"]
        look = {"color": _css(trace["colour"]), "width": 2, "shape": shape, "dash": dash}
        return [{"type": "scatter", "mode": "lines", "line": look, **_common(trace)}]

    return draw


def _shaded(shape: str) -> Any:
    def draw(trace: Words) -> list[dict[str, Any]]:
        """Two lines without a width; what lies between them is shaded, and the second alone is in the legend."""
        ends = [
            [y + sign * by for y, by in zip(trace["y"], trace[end], strict=True)] for sign, end in ((-1, "below"), (1, "above"))
        ]
        plain = {
            "type": "scatter",
            "mode": "lines",
            "line": {"width": 0, "shape": shape},
            "hoverinfo": "skip",
            "x": list(trace["x"]),
        }
        upper = {"name": _plain(trace["name"]), "showlegend": bool(trace["name"]), "y": ends[1]}
        return [
            {**plain, "y": ends[0], "showlegend": False},
            {**plain, **upper, "fill": "tonexty", "fillcolor": _css(trace["colour"])},
        ]

    return draw


def _dots(size: int) -> Any:
    def draw(trace: Words) -> list[dict[str, Any]]:
        edge = {"color": _css("card"), "width": 1}
        marker = {"color": _css(trace["colour"]), "symbol": trace["symbol"], "size": size, "line": edge}
        return [{"type": "scatter", "mode": "markers", "marker": marker, "error_y": _whisker(trace), **_common(trace)}]

    return draw


def _bars(trace: Words) -> list[dict[str, Any]]:
    look = {"type": "bar", "orientation": "h", "marker": {"color": _css(trace["colour"])}}
    return [{**look, "error_x": _whisker(trace, "ink"), **_common(trace)}]


def _cells(trace: Words) -> list[dict[str, Any]]:
    scale = [[0, _css("shade")], [1, _css(trace["colour"])]]
    look = {"type": "heatmap", "colorscale": scale, "zmin": 0, "zmax": 1, "showscale": False, "xgap": 2, "ygap": 2}
    words = {"text": list(map(_plain, trace["words"])), "texttemplate": "%{text}", "textfont": {"size": 13}}
    return [{**look, **words, "z": list(trace["values"]), **_common(trace)}]


def _whisker(trace: Words, colour: str = "") -> dict[str, Any]:
    if not trace["above"]:
        return {"visible": False}
    ends = {"array": list(trace["above"]), "arrayminus": list(trace["below"]), "symmetric": False}
    return {"type": "data", **ends, "color": _css(colour or trace["colour"]), "thickness": 1.5, "width": 0 if colour else 4}


_LOOKS = {
    "steps": _line("hvh"), "stairs": _line("hv"), "line": _line("linear"), "dots": _dots(9), "marks": _dots(12), "bars": _bars,
    "cells": _cells, "shelves": _shaded("hvh"), "ribbon": _shaded("linear"),
}  # fmt: skip
