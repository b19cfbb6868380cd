"""The page and the tables of a leaderboard."""

import copy
import json
import re
from html.parser import HTMLParser

import pytest

from untrain.reports.html.leaderboard_charts import pareto_chart, rank_chart
from untrain.reports.html.leaderboard_page import leaderboard_page
from untrain.reports.leaderboard import cells, leaderboard_tables
from untrain.reports.terminal import print_leaderboard

NAMES = {"Near(lr=0.1)": "Near", "Nothing()": "Nothing", "Far()": "Far"}


def standing(name, rank, severity, cost, apart=(0, 1), front=False):
    return {
        "name": name, "rank": rank, "rank_low": 1.0, "rank_high": 3.0, "severity": severity, "low": severity / 2,
        "high": 2 * severity, "each": [severity] * 2, "worst": "forget", "nearer": apart[0], "farther": apart[1],
        "cost": cost, "front": front,
    }  # fmt: skip


def row(name, control=False, error=None, method=None, trials=(), notes=()):
    return {
        "name": name, "method": method or name, "control": control, "error": error, "trials": list(trials), "notes": list(notes),
    }  # fmt: skip


@pytest.fixture
def document():
    near, nothing = standing("Near(lr=0.1)", 1, 0.4, 0.2, front=True), standing("Nothing()", 2, 3.0, 0.0, (0, 0), True)
    table = [near, nothing, standing("Far()", 3, 250.0, None, (1, 0))]
    rows = [
        row("Near(lr=0.1)", method="Near(lr=0.3)", trials=[{}, {}]), row("Nothing()", control=True, notes=["not tuned"]),
        row("Far()", notes=["not tuned", "its cost leaves out the 640 models"]),
        row("Bound()"), row("Broken()", error="1 of 2 models failed: <b>no</b>"),
    ]  # fmt: skip
    request = {
        "name": "random", "request": "Random(fraction=0.1)", "sizes": {"train": 1000, "forget": 100, "test": 200, "retain": 900},
        "notes": ["something odd"], "rows": rows,
        "standings": {
            "tables": [{"title": "Methods that see the retain set", "note": "tuned by labels", "standings": table, "apart": []}],
            "unranked": [standing("Bound()", 1, 0.2, 1.2) | {"reason": "an upper bound"}],
            "failed": [{"name": "Broken()", "error": "1 of 2 models failed: <b>no</b>"}],
        },
    }  # fmt: skip
    return {
        "board": {"name": "tiny", "scenario": "Digits()", "seeds": 2, "oracles": 6, "trials": 2, "models": 1, "seed": 0},
        "requests": [request], "left_out": [{"method": "Other()", "reason": "it works on memories"}], "notes": ["a small board"],
        "tuning": "tuning: 2 trials", "keepers": ["Checkpoint()"], "command": "untrain leaderboard <x>",
        "setting": {"untrain": "1.0", "device": "cpu"},
    }  # fmt: skip


class Reader(HTMLParser):
    """Words, and the text of scripts by id."""

    def __init__(self, text):
        super().__init__()
        self.words, self.scripts, self._inside = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self._inside = dict(attrs).get("id", "code") if tag == "script" else "style" if tag == "style" else None

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        self.words.append(data) if self._inside is None else self.scripts.setdefault(self._inside, []).append(data)


def test_the_page_says_who_stands_where_who_is_not_ranked_and_who_is_left_out(document):
    read = Reader(leaderboard_page(document))
    text = " ".join("".join(read.words).split())
    for words in (
        *("1 Near", "Near(lr=0.3), best of 2 trials", "2 Nothing", "control; defaults", "250", "an upper bound.", "<b>no</b>"),
        *("Near", "2 Nothing 1", "3 Far 1, 2", "not tuned.", "its cost leaves out the 640 models.", "tuned by labels."),
        *("Differs from", "1 farther", "none", "1 nearer"),
        *("Other", "it works on memories.", "something odd.", "a small board.", "untrain leaderboard <x>", "Checkpoint()"),
    ):
        assert words in text
    assert json.loads("".join(read.scripts["results"])) == document
    assert set(json.loads("".join(read.scripts["figures"]))) == {"request1-table1-ranks", "request1-table1-pareto"}


def test_charts_are_such_as_plotly_draws(document):
    graph_objects = pytest.importorskip("plotly.graph_objects")
    figures = json.loads("".join(Reader(leaderboard_page(document)).scripts["figures"]))
    for figure in figures.values():
        plain = json.loads(re.sub(r"var\(--[\w-]+\)", "red", json.dumps(figure)))
        assert json.loads(graph_objects.Figure(plain).to_json())["data"] == plain["data"]


def test_whiskers_reach_to_the_ends_of_the_intervals_and_controls_are_drawn_apart(document):
    table = document["requests"][0]["standings"]["tables"][0]["standings"]
    methods, controls = rank_chart(table, NAMES, {"Nothing()"}).traces
    assert (methods.x, methods.y, methods.below, methods.above) == ((1.0, 3.0), (1, 3), (0.0, 2.0), (2.0, 0.0))
    assert (controls.name, controls.x) == ("Controls", (2.0,))


def test_the_front_runs_through_those_that_are_on_it_and_a_cost_of_nothing_is_drawn_at_the_edge(document):
    table = document["requests"][0]["standings"]["tables"][0]["standings"]
    chart = pareto_chart(table, NAMES, {"Nothing()"})
    front, methods, controls = chart.traces
    assert front.x[:2] == (0.01, 20.0)
    assert front.y == (3.0, 0.4, 0.4)
    assert len(methods.x) == 1  # who has no known cost is not drawn
    assert [(label.text, label.x, label.y) for label in chart.labels] == [("1", 20.0, 0.4), ("2", 0.01, 3.0)]
    assert controls.x == (0.01,)
    assert pareto_chart([one | {"cost": None} for one in table], NAMES, set()) is None


def test_methods_that_coincide_share_a_label(document):
    table = document["requests"][0]["standings"]["tables"][0]["standings"]
    alike = [table[0] | {"name": f"M{at}()", "cost": cost} for at, cost in enumerate((0.2, 0.4, 0.2, 0.2))]
    chart = pareto_chart(alike, {one["name"]: one["name"] for one in alike}, set())
    assert [(label.text, label.x) for label in chart.labels] == [("1, 3, 4", 20.0), ("2", 40.0)]


def test_the_terminal_has_a_table_of_each_kind_and_of_who_is_not_ranked(document):
    ranked, beside = leaderboard_tables(document)
    assert ranked.title == "random: Methods that see the retain set; tuned by labels"
    assert [line.cells[0] for line in ranked.rows] == ["Near", "Nothing ¹", "Far ¹ ²"]
    assert [line.dim for line in ranked.rows] == [False, True, False]
    assert ranked.rows[0].cells[1:4] == ("1 [1 to 3]", "1 farther", "0.40 [0.20 to 0.80]")
    assert beside.rows[1].cells == ("Broken", "-", "-", "failed: 1 of 2 models failed: <b>no</b>")
    alone = copy.deepcopy(document)
    alone["requests"][0]["standings"] |= {"unranked": [], "failed": []}
    assert len(leaderboard_tables(alone)) == 1


def test_the_terminal_says_what_the_footnotes_are(document, capsys):
    print_leaderboard(document, False, 200)
    assert "\n¹ not tuned\n² its cost leaves out the 640 models\n" in capsys.readouterr().out


def test_severities_have_as_many_digits_as_matter():
    shown = [cells(standing("A()", 1, value, None))["severity"][0] for value in (0.034, 12.3456, 1234.5)]
    assert shown == ["0.03", "12.35", "1,234"]
