"""What a run prints: who won, a table of short labels that fits, what they stand for, outcomes, notes."""

import copy

import pytest
import torch
from rich.cells import cell_len
from rich.console import Console
from torch import nn

from untrain.core.mask import Mask
from untrain.core.metering import metered
from untrain.reports.formatting import lettered
from untrain.reports.run_table import LEFT_OUT, _verdict, table_of
from untrain.reports.standing import lead
from untrain.reports.tally import tally
from untrain.reports.terminal import notes_of, print_runs
from untrain.training.row_gradients import only_rows
from untrain.training.trainable import trainable_parts


def shown(document):
    console = Console(width=400, file=None, no_color=True)
    with console.capture() as capture:
        console.print(table_of(document))
    return capture.get()


def test_methods_beyond_the_line_come_last_and_the_others_keep_their_order(tiny):
    document = copy.deepcopy(tiny.document)
    names = [row["method"] for row in document["results"]]
    labels = list(lettered(names).values())
    assert "cheaper from here" not in shown(document | {"break_even": {"share": 1.0, "line": "cheaper from here", "methods": []}})
    text = shown(document | {"break_even": {"share": 1.0, "line": "cheaper from here", "methods": [names[0]]}})
    places = [text.index(n) for n in (labels[1], labels[3], "-- cheaper from here --", labels[0], "oracles (ideal)")]
    assert places == sorted(places)


def test_a_budget_is_in_the_title_and_notes_are_below(tiny, capsys):
    document = copy.deepcopy(tiny.document)
    document["setting"]["budget"] = 0.1
    document["results"][1]["notes"] = ["stopped at the budget"]
    print_runs([document], colour=False)
    told = capsys.readouterr().out
    assert "a budget of 10 % of retraining" in told
    assert "note: DEL: stopped at the budget" in told


def test_a_brief_table_on_a_repair_has_no_attack_and_one_on_privacy_has(repair, privacy):
    document = copy.deepcopy(repair.document)
    for row in document["results"]:
        row["scores"]["forget_accuracy"]["ideal"], row["scores"]["forget_true_accuracy"]["ideal"] = 0.1, 0.9
    assert "mia loss auc" in table_of(document).columns
    assert "mia loss auc" not in table_of(document, brief=True).columns
    assert "mia loss auc" in table_of(privacy.document, brief=True).columns


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


def printed(document, capsys, width=400, verbose=False):
    print_runs([document], colour=False, width=width, verbose=verbose)
    return capsys.readouterr().out


def test_labels_and_notes_that_runs_share_are_printed_once_and_power_not_again(tiny, capsys):
    document = copy.deepcopy(tiny.document)
    document["results"][1]["method"] = "DEL(keep=0.1)"
    power = "2 models let a perfect method pass with probability 0.5"
    document["warnings"] = ["few seeds", f"by protocol standard, {power}"]
    print_runs([document, document], colour=False)
    text = capsys.readouterr().out
    assert [text.count(each) for each in ("DEL: DEL(keep=0.1)", "note: few seeds", power)] == [1, 1, 1]
    print_runs([document, document], colour=False, said=[f"protocol standard: {power} (by a normal law)"])
    text = capsys.readouterr().out
    assert [text.count(each) for each in ("note: few seeds", power)] == [1, 0]


def test_it_begins_with_who_won_and_the_outcomes_stand_below_that_first_which_a_report_opens_with(tiny, capsys):
    lines = printed(tiny.document, capsys, width=500).splitlines()
    assert lines[0] == tally(tiny.document)
    labels = lettered([row["method"] for row in tiny.document["results"]])
    outcomes = {labels[r["method"]]: r["verdict"]["sentence"].partition(": ")[2] for r in tiny.document["results"] if r["verdict"]}
    first = labels[lead(tiny.document["results"])["method"]]
    start = lines.index(f"{first}: {outcomes[first]}")
    assert set(lines[start : start + len(outcomes)]) == {f"{label}: {outcome}" for label, outcome in outcomes.items()}


def test_methods_have_short_labels_and_below_stands_what_they_stand_for(tiny, capsys):
    text = printed(tiny.document, capsys)
    table, below = text[text.index("┏") :].split("└")
    one, two = (row["method"] for row in tiny.document["results"] if row["method"].startswith("Finetune"))
    assert "steps=" not in table
    assert "Finetune (a)" in table
    assert f"Finetune (a): {one}" in below.splitlines()
    assert f"Finetune (b): {two}" in below.splitlines()
    assert "Nothing: Nothing" not in text


def widened(document):
    """The document with more methods of long names and with all scores that a table shows."""
    document = copy.deepcopy(document)
    for row in document["results"]:
        row["verdict"] and row["scores"].update(forget_true_accuracy=row["scores"]["forget_accuracy"])
    return document | {"results": [row for row in document["results"] if not row["error"]]}


@pytest.mark.parametrize("width", [40, 80, 100, 120])
def test_lines_fit_and_intervals_are_left_out_where_that_makes_fewer_tables(tiny, capsys, width):
    document = widened(tiny.document)
    text, whole = printed(document, capsys, width), printed(document, capsys, width, verbose=True)
    assert max(map(cell_len, [*text.splitlines(), *whole.splitlines()])) <= width
    score = document["results"][0]["scores"]["retain_accuracy"]
    interval = f"[{100 * score['low']:.1f}, {100 * score['high']:.1f}]"
    assert interval in whole
    assert f"{100 * score['value']:.1f}" in text
    assert (interval not in text) == (LEFT_OUT.split()[0] in text) == (width > 40)
    assert (text.count("┏"), whole.count("┏") > 1) == {40: (0, False), 80: (2, True), 100: (1, True), 120: (1, True)}[width]


def test_a_note_stands_once_and_those_of_the_engine_are_counted(tiny):
    layer = nn.Linear(4, 2)
    bits = {"weight": torch.tensor([[1, 0, 0, 0], [0, 0, 0, 0]], dtype=torch.bool), "bias": torch.zeros(2, dtype=torch.bool)}
    with metered() as meter, only_rows(layer, trainable_parts(layer, Mask(bits, ""))):
        pass
    (of_engine,) = meter.notes
    document = copy.deepcopy(tiny.document)
    for row in document["results"][:2]:
        row["notes"] = ["stopped at the budget", of_engine]
    stopped = "Finetune (a), DEL: stopped at the budget"
    assert notes_of(document) == [stopped, "--verbose prints 1 more note on how the work was done"]
    assert notes_of(document, verbose=True) == [stopped, f"Finetune (a), DEL: {of_engine}"]


def test_a_row_without_cost_and_a_run_without_originals_are_shown(tiny):
    document = copy.deepcopy(tiny.document)
    for row in document["results"]:
        row["cost"] = {}
        for score in row["scores"].values():
            score["ceiling"] = None
    text = shown(document)
    assert "original (ceiling)" not in text
    assert "floor" in text
