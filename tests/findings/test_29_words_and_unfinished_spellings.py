"""Words that reports and docs use are explained, and an unfinished spelling is told what it lacks."""

import re
from pathlib import Path

import pytest

import untrain as ut
from untrain.commands.catalog import show
from untrain.core.errors import SpecError
from untrain.evaluation.base import Score, Verdict
from untrain.evaluation.vocabulary import terms
from untrain.reports.leaderboard import leaderboard_tables
from untrain.reports.run_table import SHOWN, table_of
from untrain.reports.tally import KINDS
from untrain.reports.terminal import mask_tables, search_table
from untrain.reports.verdict_marks import MARKS

ROOT = Path(__file__).parents[2]
UNFINISHED = {
    "DEL(keep=.2": "a bracket is missing: '(' in column 4",
    "DEL(": "a bracket is missing: '(' in column 4",
    "DEL(steps=Steps(lr=0.1, epochs=2)": "a bracket is missing: '(' in column 4",
    "DEL(keep=.2))": "a bracket is missing: ')' in column 13 closes none",
    "DEL keep=.2)": "a bracket is missing: ')'",
    "DEL(keep=.2]": "brackets differ",
    "Ids(ids=('a', 'b)": "a quote is missing",
    "DEL(keep=)": "a value is missing after 'keep='",
    "DEL(keep=.2,, steps=Steps())": "a value is missing before ','",
    "DEL(keep=0,2)": "a fraction has a point, 0.2",
    "Finetune @": "'@' joins two parts, and one is missing",
    "@ WeightedGrad": "'@' joins two parts, and one is missing",
    "DEL(keep .2)": "'=', ',' or '@' is missing before column 10",
    "Finetune WeightedGrad": "'=', ',' or '@' is missing before column 10",
    "del(keep=.2)": "did you mean 'DEL'",
}
DOORS = {
    "parse": ut.parse, "show": show, "check": ut.check,
    "run": lambda text: ut.run("Digits", text, store="nowhere"),
    "localize": lambda text: ut.localize("Digits", text, store="nowhere"),
}  # fmt: skip


@pytest.mark.parametrize("text", UNFINISHED)
@pytest.mark.parametrize("door", DOORS)
def test_every_door_says_what_is_missing(door, text):
    with pytest.raises(SpecError, match=UNFINISHED[text].replace("(", r"\(").replace(")", r"\)").replace("'('", r"'\('")) as caught:
        DOORS[door](text)
    assert "\n" not in str(caught.value)


WORDS = ["oracle", "oracles", "Oracle", "floor", "ceiling", "band", "ideal", "margin", "p-value", "blind", "gap", "verdict", "mask",
         "forget set", "forget_set", "retain", "test set", "too few models", "retrained models", "recognised", "interval", "method",
         "localizer", "evaluator", "score", "store", "budget", "guard", "over-forgets", "memorization", "seeds", "IoU"]  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_reports_is_explained_and_leads_to_a_page(word):
    shown = show(word)
    assert shown["role"] == "word"
    assert shown["summary"]


def test_every_word_leads_to_a_heading_that_is_there():
    for term in terms().values():
        page, _, anchor = term.page.partition("#")
        text = (ROOT / page).read_text(encoding="utf-8")
        headings = {
            re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        }
        assert not anchor or anchor in headings, term


def test_the_columns_of_a_reports_tables_are_explained():
    page = (ROOT / "src/untrain/reports/html/template/run/trust.html").read_text(encoding="utf-8")
    (row,) = re.findall(r"<th[^>\n]*>Score, method.*", page)
    columns = [c for c in re.sub("<[^>]+>", "\n", row).split("\n") if c.strip() and c not in ("Score, method", "Value")]
    assert len(columns) >= 8
    for column in columns:
        assert show(column.strip())["summary"]


def headings():
    """The headings of every table of the terminal, and the words of its cells and of the sentence above."""
    empty = {"results": [], "scenario": "", "seeds": 2, "oracles": 4, "parameters": 0, "overlap": [], "trials": []}
    layer = {"layer": "0.weight", "weights": 4}
    mask = {"localizer": "RandomMask()", "error": None, "share": 0.1, "seconds": 1.0, "layers": [layer | {"kept": 0.1}]}
    overlap = {"iou": 0.5, "chance": 0.1, "layers": 0.5}
    masks = empty | {"results": [mask | {"stability": {"seeds": overlap, "batches": overlap}}]}
    pair = {"one": "RandomMask()", "other": "RandomMask()", "iou": 0.5, "chance": 0.1}
    tables = mask_tables(masks | {"overlap": [pair]})
    left = {"value": 0.5, "valid": 0.5, "forget": 0.5, "oracle_forget": 0.5}
    tables.append(search_table(empty | {"objective": "", "of": "", "oracle_guided": True, "counts": {}, "untouched": left}))
    one = {"name": "DEL()", "severity": 1.0, "low": 0.5, "high": 2.0, "rank": 1.0, "rank_low": 1.0, "rank_high": 2.0, "nearer": 0}
    one |= {"farther": 0, "worst": "forget", "cost": 0.1, "front": True, "reason": ""}
    row = {"name": "DEL()", "method": "DEL()", "trials": [], "control": False, "notes": [], "error": None}
    parts = [{"title": "", "note": "", "standings": [one]}]
    standings = {"tables": parts, "unranked": [one], "failed": []}
    tables += leaderboard_tables({"requests": [{"name": "", "rows": [row], "standings": standings}]})
    tables.append(table_of(empty | {"setting": {}, "break_even": {"methods": [], "line": ""}}))
    words = {column.strip() for table in tables for column in table.columns} - {"and", "RandomMask()"}
    shown = {score.replace("_", " ") for score in SHOWN}
    return words | shown | {*KINDS.values(), *MARKS} - {"outside", "within", "beyond"} | CELLS


CELLS = {"oracles", "ideal", "floor", "original", "ceiling", "equal", "differs", "ex.", "failed", "passes", "open", "did not run"}


def test_every_heading_and_mark_of_the_terminals_tables_is_explained():
    unknown = []
    for word in sorted(headings()):
        try:
            about = show(word)
        except SpecError:
            unknown.append(word)
        else:
            assert about.get("summary") or about.get("means"), word
    assert not unknown


def test_no_word_is_a_class_or_another_word():
    names = [name for term in terms().values() for name in (term.word, *term.also)]
    assert len(names) == len(set(names))


def test_words_of_scores_are_those_of_their_records():
    assert show("floor")["summary"] in " ".join((Score.__doc__ or "").split())
    assert show("margin")["summary"] in " ".join((Verdict.__doc__ or "").split())


def test_a_spelling_with_fields_shows_its_class_and_is_checked_as_it_is():
    assert show("DEL(keep=0.1)")["name"] == "DEL"
    assert {each["method"] for each in ut.check("RandomMask(draw='weight')")} == {"RandomMask(draw='weight')"}


@pytest.mark.parametrize(("word", "near"), [("del", "DEL"), ("flor", "floor"), ("orakle", "oracle"), ("forget_gapp", "forget_gap")])
def test_a_near_word_is_named(word, near):
    with pytest.raises(SpecError, match=f"did you mean '{near}'"):
        show(word)
