"""The terminal's table: the line beyond which retraining is cheaper, budgets and notes."""

import copy

from rich.console import Console

from untrain.tables import print_runs, table_of


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
