"""The terminal's table: the line beyond which retraining is cheaper, budgets and notes."""

import copy

import pytest
from rich.console import Console

from untrain.reports.terminal import _verdict, print_runs, table_of


def shown(document):
    console = Console(width=400, file=None, no_color=True)
    with console.capture() as capture:
        console.print(table_of(document))
    return capture.get()


def test_methods_beyond_the_line_come_last_and_the_others_keep_their_order(tiny):
    document = copy.deepcopy(tiny.document)
    names = [row["method"] for row in document["results"]]
    assert "cheaper from here" not in shown(document | {"break_even": {"share": 1.0, "line": "cheaper from here", "methods": []}})
    text = shown(document | {"break_even": {"share": 1.0, "line": "cheaper from here", "methods": [names[0]]}})
    places = [text.index(n) for n in (names[1], names[3], "-- cheaper from here --", names[0], "oracles (ideal)")]
    assert places == sorted(places)


def test_a_budget_is_in_the_title_and_notes_are_below(tiny, capsys):
    document = copy.deepcopy(tiny.document)
    document["setting"]["budget"] = 0.1
    document["results"][1]["notes"] = ["stopped at the budget"]
    print_runs([document], colour=False)
    told = capsys.readouterr().out
    assert "a budget of 10 % of retraining" in told
    assert f"note: {document['results'][1]['method']}: stopped at the budget" in told


def verdict(says, outcome, apart=0, equal=0, recognised=0):
    counts = {"forget": 9, "recognised": recognised, "standing_out": 0}
    lists = {"tested": [""] * 6, "distinguishable": [""] * apart, "indistinguishable": [""] * equal}
    return {"says": says, "outcome": outcome, "counts": counts} | lists


@pytest.mark.parametrize(
    ("given", "letters"),
    [
        (verdict("distinguishable", "fails: remembers", apart=2, recognised=3), "remembers 2/6, 3 ex."),
        (verdict("distinguishable", "fails: over-forgets or broke something", apart=2), "damaged 2/6"),
        (verdict("too few models", "fails: remembers", equal=1), "remembers, equal 1/6"),
        (verdict("indistinguishable", "passes", equal=6), "passes, equal 6/6"),
        (verdict("too few models", "open", equal=1), "open, equal 1/6"),
        (verdict("distinguishable", "open", apart=1), "open, differs 1/6"),
    ],
)
def test_a_method_has_its_verdict_in_a_few_letters(given, letters):
    assert _verdict(given) == letters


def test_the_outcomes_on_all_methods_stand_below_the_table_that_which_opens_first(tiny, capsys):
    document = copy.deepcopy(tiny.document)
    sentences = {row["method"]: row["verdict"]["sentence"] for row in document["results"] if not row["error"]}
    print_runs([document], colour=False, width=500)
    lines = capsys.readouterr().out.splitlines()
    first = next(sentence for method, sentence in sentences.items() if method.startswith("DEL"))
    (start,) = (at for at, line in enumerate(lines) if line == first)
    assert set(lines[start : start + len(sentences)]) == set(sentences.values())


def test_a_row_without_cost_and_a_run_without_originals_are_shown(tiny):
    document = copy.deepcopy(tiny.document)
    for row in document["results"]:
        row["cost"] = {}
        for score in row["scores"].values():
            score["ceiling"] = None
    text = shown(document)
    assert "original (ceiling)" not in text
    assert "floor" in text
