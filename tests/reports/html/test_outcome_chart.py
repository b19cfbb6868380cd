"""The first picture."""

import copy

import pytest

from untrain.reports.html.outcome_chart import LOOKS, outcome_chart, upward
from untrain.reports.standing import LEAST, farthest


def marks(chart):
    return [t for t in chart.traces if t.look == "marks"]


def judged(name, difference, low, high, margin, unit="fraction"):
    return {"name": name, "unit": unit, "difference": difference, "low": low, "high": high, "margin": margin}


def test_a_method_stands_where_it_does_most_harm_in_multiples_of_what_is_allowed(told):
    ends = [
        judged("attack", -0.3, -0.4, -0.1, 0.2),  # either way
        judged("distance", -0.5, -0.6, -0.4, 0.1),  # below retraining's: no harm
        judged("forget", 0.02, -0.3, 0.3, 0.1, "nats"),
        judged("test", -0.01, -0.03, 0.0, 0.02),
        judged("retain", 0.0, 0.0, 0.0, 0.0),
    ]
    found = farthest(told(endpoints=ends))
    assert (found.value, found.low, found.high, found.name) == (
        pytest.approx(1.5),
        pytest.approx(0.5),
        pytest.approx(2.0),
        "the attack",
    )
    near = farthest(told(endpoints=ends[3:4]))
    assert (near.value, near.low, near.high) == (pytest.approx(0.5), LEAST, pytest.approx(1.5))
    assert farthest(told(endpoints=ends[4:])) is None


def test_what_fails_by_an_endpoint_is_not_drawn_within_what_is_allowed(privacy):
    for row in privacy.document["results"]:
        says = {j["says"] for j in row["verdict"]["endpoints"]}
        found = farthest(row)
        assert (found.low > 1) == ("outside" in says) or found.high > 1, row["method"]
        assert (found.high <= 1) == (says == {"within"}), row["method"]
    assert outcome_chart(privacy.document).chart.band[1] == 1.0


def test_every_method_has_a_place_a_label_and_room_for_its_whiskers(privacy):
    chart = outcome_chart(privacy.document).chart
    assert sorted(chart_names(chart.labels)) == ["DEL", "Finetune", "Nothing", "SalUn"]
    assert sorted(chart_names(chart.narrow)) == ["M1", "M2", "M3", "M4"]
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
    assert hover.startswith("DEL (b)\nDEL(keep=0.3)\n")


def test_without_endpoints_the_forget_gap_takes_their_place(privacy):
    document = copy.deepcopy(privacy.document)
    for row in document["results"]:
        row["verdict"]["endpoints"] = []
    made = outcome_chart(document)
    assert made.chart.y.title == "Forget gap, points"
    first = document["results"][0]["scores"]["forget_gap"]
    assert any(y == pytest.approx(100 * first["value"]) for t in marks(made.chart) for y in t.y)
    for row in document["results"]:
        del row["scores"]["forget_gap"]
    assert upward(document["results"]) is None
    assert outcome_chart(document) is None


def test_where_no_cost_is_known_methods_stand_side_by_side(privacy):
    document = copy.deepcopy(privacy.document)
    for row in document["results"]:
        row["cost"] = {}
    chart = outcome_chart(document).chart
    assert chart.x.names == ("", "", "", "")  # names stand beside the marks
    assert chart.line is None
    assert {x for t in chart.traces for x in t.x} == {0.0, 1.0, 2.0, 3.0}


def test_a_run_in_which_nothing_was_scored_has_no_picture():
    assert outcome_chart({"results": [], "break_even": {"share": 1.0}}) is None
