"""The first picture."""

import copy

import numpy as np
import pytest

from untrain.evaluation.protocols.protocol import ENDPOINTS
from untrain.reports.html.outcome_chart import LOOKS, envelope, outcome_chart, upward


def marks(chart):
    return [t for t in chart.traces if t.look == "marks"]


def test_the_envelope_is_the_least_distance_at_that_cost_or_less():
    above, below = envelope(np.array([50.0, 0.0, 20.0]), np.array([0.5, -3.0, 4.0]), 110.0)
    assert above.x == (0.0, 20.0, 50.0, 110.0)
    assert above.y == (3.0, 3.0, 0.5, 0.5)
    assert below.y == (-3.0, -3.0, -0.5, -0.5)


def test_every_method_has_a_place_a_label_and_room_for_its_whiskers(privacy):
    chart = outcome_chart(privacy.document).chart
    assert sorted(chart_names(chart.labels)) == ["DEL", "Finetune", "Nothing", "SalUn"]
    assert sorted(chart_names(chart.narrow)) == ["1", "2", "3", "4"]
    drawn = {place for t in marks(chart) for place in zip(t.x, t.y, strict=True)}
    assert {(label.x, label.y) for label in chart.labels} <= drawn
    ends = [v + sign * w for t in chart.traces for sign, ws in ((1, t.above), (-1, t.below)) for v, w in zip(t.y, ws, strict=False)]
    assert chart.y.least < min(ends) <= max(ends) < chart.y.most


def chart_names(labels):
    return [name for label in labels for name in label.text.replace("\n", " ").split(", ")]


def test_the_outcome_is_told_by_shape_and_colour_and_controls_are_hollow(privacy):
    document = copy.deepcopy(privacy.document)
    document["results"] = [copy.deepcopy(document["results"][0]) | {"method": f"M{at}()"} for at in range(4)] + document["results"][
        3:
    ]
    for row, outcome in zip(document["results"], LOOKS, strict=True):
        row["verdict"]["outcome"] = outcome
    made = marks(outcome_chart(document).chart)
    assert [(t.name, t.colour, t.symbol.removesuffix("-open")) for t in made] == list(LOOKS.values())
    assert len({t.symbol for t in made}) == len({t.colour for t in made}) == 5
    assert [t.symbol.endswith("-open") for t in made] == [False, False, False, False, True]  # the last is Nothing
    assert all(t.hover[0].split("\n")[-3] == t.name for t in made)


def test_a_label_is_short_and_the_spelling_in_full_is_on_hover(privacy):
    document = copy.deepcopy(privacy.document)
    for row, spec in zip(document["results"], ("DEL(keep=0.1)", "DEL(keep=0.3)"), strict=False):
        row["method"] = spec
    chart = outcome_chart(document).chart
    assert {"DEL (a)", "DEL (b)"} < set(chart_names(chart.labels))
    (hover,) = (text for t in marks(chart) for text in t.hover if "DEL (b)" in text)
    assert hover.startswith("2 DEL (b)\nDEL(keep=0.3)\n")


def test_without_a_forget_gap_the_first_endpoint_takes_its_place_with_its_spread_for_a_band(privacy):
    document = copy.deepcopy(privacy.document)
    for row in document["results"]:
        del row["scores"]["forget_gap"]
    made = outcome_chart(document)
    first = min(document["results"][0]["verdict"]["endpoints"], key=lambda j: ENDPOINTS.index(j["name"]))
    assert first["unit"] == "nats"
    assert made.chart.y.title == "Loss on the forget set, above retraining, logarithm"
    assert made.chart.band == pytest.approx((-2 * first["spread"], 2 * first["spread"]))
    assert any(y == pytest.approx(first["difference"]) for t in marks(made.chart) for y in t.y)
    for row in document["results"]:
        row["verdict"]["endpoints"] = []
    assert upward(document["results"]) is None
    assert outcome_chart(document) is None


def test_where_no_cost_is_known_methods_stand_side_by_side(privacy):
    document = copy.deepcopy(privacy.document)
    for row in document["results"]:
        row["cost"] = {}
    chart = outcome_chart(document).chart
    assert chart.x.names == ("1", "2", "3", "4")
    assert chart.line is None
    assert {x for t in chart.traces for x in t.x} == {0.0, 1.0, 2.0, 3.0}


def test_a_run_in_which_nothing_was_scored_has_no_picture():
    assert outcome_chart({"results": [], "break_even": {"share": 1.0}}) is None
