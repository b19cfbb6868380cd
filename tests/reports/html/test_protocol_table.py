"""Methods against the margins of a protocol, and every model by itself."""

import copy

import pytest

from untrain.reports.html.protocol_table import against_protocol, each_model, shown

TABLED = ("attack", "forget", "example", "test", "retain")
UNITS = {"attack": "fraction", "forget": "nats", "example": "standard errors", "test": "fraction", "retain": "fraction"}


def judged(name, says="within", unit=None, **more):
    ends = {"difference": -0.0134, "low": -0.02, "high": 0.005}
    plain = {"name": name, "says": says, "harm": "", "unit": unit or UNITS[name], **ends,
             "margin": 0.03, "spread": 0.01, "bound": 0.02, "each": (0.5, -3.5, 7.0), "apart": ()}  # fmt: skip
    return plain | more


@pytest.fixture
def run(told):
    """A run of a method and a control, with all endpoints, of which the retain set's retrained models are all alike."""

    def made(**verdict):
        ends = [judged(name) for name in TABLED[:4]] + [judged("retain", spread=1e-18, each=(1e15, 0.0, 0.0))]
        power = {"passes": 0.84, "detects": 0.99, "leak": 7.0, "models": 3, "oracles": 10}
        rows = [told(method=m, **{"endpoints": copy.deepcopy(ends), "power": power} | verdict) for m in ("DEL()", "Nothing()")]
        return {"results": rows, "seeds": 3}

    return made


def test_cells_are_in_the_unit_of_their_column_with_what_is_shown(run):
    table = against_protocol(run())
    assert [c.heading for c in table.columns] == [
        "Attack, points", "Loss on the forget set, %", "Farthest forget example, s.e.", "Test accuracy, points",
        "Retain accuracy, points",
    ]  # fmt: skip
    cells = [cell for cell, _ in table.lines[0].cells]
    assert [c.value for c in cells] == ["−1.3", "−1.3", "0.0", "−1.3", "−1.3"]
    assert cells[0].interval == "−2.0 to 0.5"
    assert {(c.mark, c.sign, c.spoken) for c in cells} == {("within", "✓", "within the margin")}


def test_losses_take_the_place_of_accuracy_and_change_unit_and_direction(run):
    document = run()
    for row in document["results"]:
        row["verdict"]["endpoints"][3] = judged("test", unit="nats", margin=0.1)
    table = against_protocol(document)
    assert table.columns[3].heading == "Test loss, %"
    assert table.references[0][1][3].value == "up to 11"
    assert "1 % for test loss" in table.margins


def test_margins_are_told_by_direction_and_in_spreads(run):
    (name, margins), (other, spreads) = against_protocol(run()).references
    assert (name, other) == ("Margin", "Spread of retrained models")
    assert [c.value for c in margins] == ["±3.0", "−3.0 to 3.0", "up to 0.0", "down to −3.0", "down to −3.0"]
    assert [c.interval for c in margins] == ["3 spreads"] * 4 + [""]
    assert spreads[0].value == "1.0"


def test_every_model_is_a_dot_and_one_beyond_the_end_a_triangle(run):
    _, attack = against_protocol(run()).lines[0].cells[0]
    assert [d.kind for d in attack.dots] == ["inside", "outside", "high"]
    assert [d.words for d in attack.dots] == ["model 1: 0.5 spreads", "model 2: −3.5 spreads", "model 3: 7.0 spreads"]
    assert (attack.low, attack.high) == (27.0, 73.0)
    places = [d.place for d in attack.dots]
    assert 0 < places[1] < attack.low < 50 < places[0] < attack.high < places[2] < 100
    assert all(d.words in attack.words for d in attack.dots)


def test_what_does_no_harm_lies_within_the_margin(run):
    cells = against_protocol(run()).lines[0].cells
    kinds = {name: [d.kind for d in strip.dots] for (_, strip), name in zip(cells, TABLED[:4], strict=False)}
    assert kinds["example"] == ["inside", "inside", "high"]
    assert kinds["test"] == ["inside", "outside", "high"]
    assert (cells[2][1].low, cells[3][1].high) == (0.0, 100.0)


def test_models_have_no_place_where_retrained_ones_are_alike(run):
    assert against_protocol(run()).lines[0].cells[4][1] is None
    assert [c.heading for c in each_model(run()["results"][0]).columns][-1] == "Test accuracy"
    document = run(endpoints=[judged("retain", each=None, spread=0.0)])
    assert each_model(document["results"][0]) is None


def test_every_model_by_itself_is_marked_where_it_lies_beyond(run):
    table = each_model(run()["results"][0])
    assert [number for number, _ in table.lines] == [1, 2, 3]
    assert [[c.mark for c in cells] for _, cells in table.lines] == [
        ["", "", "", ""], ["beyond", "beyond", "", "beyond"], ["beyond", "beyond", "beyond", ""],
    ]  # fmt: skip


def test_power_interval_and_notes_are_told_once(run):
    table = against_protocol(run(notes=["one model was given"]))
    assert table.power.startswith("3 unlearned and 10 retrained models let a perfect method pass with probability 0.84")
    assert table.confidence == pytest.approx(90)
    assert table.notes == (("DEL, Nothing", "One model was given"),)
    early = against_protocol(run(level=0.025))
    assert early.confidence == pytest.approx(95)


def test_an_endpoint_that_lacks_says_why_in_its_cell(run):
    document = run()
    verdict = document["results"][0]["verdict"]
    verdict["endpoints"], verdict["lacks"] = verdict["endpoints"][1:], {"attack": "no margin is known"}
    cell, strip = against_protocol(document).lines[0].cells[0]
    assert (cell.value, cell.note, strip) == ("–", "no margin is known", None)


def test_a_protocol_of_ones_own_and_a_run_that_failed(run):
    own = against_protocol(run(protocol="Protocol(attack=Margin(absolute=0.03))"))
    assert "3 points for the attack" in own.margins
    document = run()
    assert against_protocol({**document, "results": [row | {"error": "x"} for row in document["results"]]}) is None


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.8, "nats", "4,370"),
        (-3.8, "nats", "−98"),
        (0.0005, "nats", "0.1"),
        (4.67, "standard errors", "4.7"),
        (-1e-9, "fraction", "0.0"),
    ],
)
def test_differences_are_told_in_their_unit(value, unit, text):
    assert shown(value, unit) == text
