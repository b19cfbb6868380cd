"""Charts as plotly draws them."""

import json
import re
from dataclasses import asdict

import pytest

from untrain.reports.html.chart_spec import Axis, Chart, Label, Trace

graph_objects = pytest.importorskip("plotly.graph_objects")
plotly = pytest.importorskip("untrain.reports.html.plotly")


def drawn(*traces, **more):
    return plotly.figure(**asdict(Chart(traces, Axis("x"), Axis("y", " %", 0.0, 100.0), **more)))


def test_a_figure_is_plain_json_without_a_template():
    figure = drawn(Trace("a", (0.0, 1.0), (2.0, 3.0), "ours", "steps"))
    assert json.loads(json.dumps(figure)) == figure
    assert len(json.dumps(figure)) < 3000
    assert figure["data"][0]["y"] == [2.0, 3.0]
    assert figure["layout"]["yaxis"]["range"] == [0.0, 100.0]


def test_plotly_knows_every_word_of_a_figure():
    looks = [
        Trace(look, (0.0,), (1.0,), "ours", look, words=("1",), below=(0.5,), above=(0.5,), values=(0.5,))
        for look in ("steps", "stairs", "line", "dots", "marks", "bars", "shelves", "ribbon", "cells")
    ]
    labels = (Label("1", 0.0, 1.0, 8.0, 0.0), Label("2", 0.0, 1.0, 20.0, 20.0, line=True))
    figure = drawn(*looks, band=(0.0, 1.0), labels=labels)
    plain = re.sub(r"var\(--[\w-]+\)", "red", json.dumps(figure))
    known = json.loads(graph_objects.Figure(json.loads(plain)).to_json())
    assert known["data"] == json.loads(plain)["data"]
    assert known["layout"]["annotations"] == json.loads(plain)["layout"]["annotations"]


def test_colours_are_left_to_the_style_sheet():
    figure = drawn(Trace("a", (0.0,), (1.0,), "ours", "bars"))
    assert figure["data"][0]["marker"]["color"] == "var(--ours)"
    assert figure["layout"]["font"]["color"] == "var(--ink)"


def test_what_data_say_is_no_html():
    figure = drawn(Trace("<b>a</b>", (0.0,), (1.0,), "ours", "dots", hover=("<i>\nb",)))
    assert figure["data"][0]["name"] == "&lt;b&gt;a&lt;/b&gt;"
    assert figure["data"][0]["hovertext"] == ["&lt;i&gt;<br>b"]


def test_whiskers_stand_at_their_dots():
    dots = Trace("a", (0.0,), (5.0,), "ours", "dots", below=(1.0,), above=(2.0,))
    (data,) = drawn(dots)["data"]
    assert data["error_y"]["array"] == [2.0]
    assert data["error_y"]["arrayminus"] == [1.0]


def test_a_label_stands_off_its_point_in_pixels_and_where_it_is_far_a_line_leads_there():
    near, far = Label("1,\n<2>", 5.0, 7.0, 8.0, -4.0), Label("3", 5.0, 7.0, 30.0, 20.0, line=True)
    first, second = drawn(Trace("a", (5.0,), (7.0,), "ours", "marks"), labels=(near, far))["layout"]["annotations"]
    assert (first["x"], first["y"], first["xshift"], first["yshift"], first["showarrow"]) == (5.0, 7.0, 8.0, -4.0, False)
    assert first["text"] == "1,<br>&lt;2&gt;"
    # Of the other end of an arrow plotly counts downwards.
    assert (second["ax"], second["ay"], second["showarrow"]) == (30.0, -20.0, True)


def test_a_label_on_a_logarithmic_axis_is_placed_by_the_logarithm():
    chart = Chart((), Axis("x", least=0.1, most=1000.0, log=True), Axis("y"), labels=(Label("1", 100.0, 3.0, 8.0, 0.0),))
    (label,) = plotly.figure(**asdict(chart))["layout"]["annotations"]
    assert (label["x"], label["y"]) == (2.0, 3.0)


def test_a_band_is_shaded():
    (shape,) = drawn(Trace("", (0.0,), (1.0,), "ours", "stairs"), band=(-1.0, 1.0))["layout"]["shapes"]
    assert (shape["y0"], shape["y1"]) == (-1.0, 1.0)


def test_whiskers_of_bars_lie_along_them():
    (data,) = drawn(Trace("a", (5.0,), (0.0,), "ours", "bars", below=(1.0,), above=(2.0,)))["data"]
    assert (data["error_x"]["array"], data["error_x"]["arrayminus"]) == ([2.0], [1.0])
    assert "error_y" not in data


def test_cells_are_shaded_from_0_to_1_whatever_they_hold():
    cells = Trace("", (0.0, 1.0), (0.0, 0.0), "ours", "cells", words=("<b>", "0.30"), values=(0.2, 0.3))
    (data,) = drawn(cells)["data"]
    assert (data["zmin"], data["zmax"], data["z"], data["text"]) == (0, 1, [0.2, 0.3], ["&lt;b&gt;", "0.30"])
    assert [colour for _, colour in data["colorscale"]] == ["var(--shade)", "var(--ours)"]


def test_the_script_can_stand_inside_a_page():
    assert "Plotly" in plotly.source()
    assert "</script" not in plotly.source()


def test_what_is_shaded_lies_between_two_lines_of_which_one_is_in_the_legend():
    lower, upper = drawn(Trace("band", (0.0, 1.0), (2.0, 3.0), "floor", "ribbon", below=(1.0, 1.0), above=(0.5, 2.0)))["data"]
    assert (lower["y"], upper["y"]) == ([1.0, 2.0], [2.5, 5.0])
    assert (lower["showlegend"], upper["showlegend"], upper["fill"]) == (False, True, "tonexty")


def test_a_logarithmic_axis_ends_where_it_was_asked_to():
    chart = Chart((Trace("a", (1.0,), (1.0,), "ours", "line"),), Axis("x", least=0.1, most=100.0, log=True), Axis("y"))
    axis = plotly.figure(**asdict(chart))["layout"]["xaxis"]
    assert axis["type"] == "log"
    assert axis["range"] == pytest.approx([-1.0, 2.0])
