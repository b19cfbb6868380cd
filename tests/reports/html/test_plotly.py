"""Charts as plotly draws them."""

import json
from dataclasses import asdict

import pytest

from untrain.reports.html.chart_spec import Axis, Chart, Trace

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
        Trace(look, (0.0,), (1.0,), "ours", look, words=("1",), sides=("top left",), below=(0.5,), above=(0.5,), values=(0.5,))
        for look in ("steps", "stairs", "line", "dots", "bars", "shelves", "ribbon", "cells")
    ]
    figure = drawn(*looks, band=(0.0, 1.0))
    assert json.loads(graph_objects.Figure(figure).to_json())["data"] == figure["data"]


def test_colours_are_left_to_the_style_sheet():
    figure = drawn(Trace("a", (0.0,), (1.0,), "ours", "bars"))
    assert figure["data"][0]["marker"]["color"] == "var(--ours)"
    assert figure["layout"]["font"]["color"] == "var(--ink)"


def test_what_data_say_is_no_html():
    figure = drawn(Trace("<b>a</b>", (0.0,), (1.0,), "ours", "dots", hover=("<i>\nb",)))
    assert figure["data"][0]["name"] == "&lt;b&gt;a&lt;/b&gt;"
    assert figure["data"][0]["hovertext"] == ["&lt;i&gt;<br>b"]


def test_whiskers_and_words_stand_at_their_dots():
    dots = Trace("a", (0.0,), (5.0,), "ours", "dots", words=("1",), sides=("top left",), below=(1.0,), above=(2.0,))
    (data,) = drawn(dots)["data"]
    assert data["error_y"]["array"] == [2.0]
    assert data["error_y"]["arrayminus"] == [1.0]
    assert data["text"] == ["1"]
    assert data["textposition"] == ["top left"]


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
