"""Rows and cells."""

import copy

import pytest

from untrain.evaluation.base import ScoreInfo
from untrain.evaluation.glossary import abouts, evaluators
from untrain.evaluation.vocabulary import terms
from untrain.reports.html import cost_tables, tables

GLOSSARY = abouts(evaluators())


def verdict(says="distinguishable"):
    return {
        "says": says,
        "difference": 0.1,
        "low": 0.05,
        "high": 0.15,
        "p": 0.01,
        "margin": 0.02,
        "why": "remembers",
        "blind": False,
    }


def score(value, note=None, band=(-0.01, 0.01), verdict=None):
    ends = {
        "low": -0.02,
        "high": 0.03,
        "floor": 0.01,
        "ceiling": -0.05,
        "ideal": 0.0,
        "reason": None if value is not None else "few",
    }
    return {"value": value, "resampled": "examples", "band": band, "note": note, "verdict": verdict} | ends


def test_a_cell_without_a_verdict_marks_what_lies_outside_the_band(plain_about):
    assert tables.cell(score(0.005), plain_about).mark == ""
    assert tables.cell(score(0.02), plain_about).mark == "outside"
    assert tables.cell(score(0.02), plain_about).spoken == "outside the band"
    assert tables.cell(score(0.02, band=None), plain_about).mark == ""


@pytest.mark.parametrize(("says", "sign"), [("distinguishable", "≠"), ("indistinguishable", "="), ("too few models", "…")])
def test_a_verdict_takes_the_place_of_the_band(plain_about, says, sign):
    cell = tables.cell(score(0.02, "below the band", verdict=verdict(says)), plain_about)
    assert (cell.mark, cell.sign, cell.spoken, cell.note) == (says, sign, says, "remembers")


def test_an_interval_beside_a_mark_is_that_of_the_test_which_set_it(plain_about):
    gap = ScoreInfo("gap", "fraction", "0", "none", low=-1.0, verdict_of="accuracy")
    apart = verdict() | {"low": 0.0}
    assert tables.tested_cell(score(-0.1, verdict=apart), gap).interval == "−15.0 to < 0.0", "0 itself is left out"
    assert tables.tested_cell(score(0.1, verdict=apart), plain_about).interval == "> 0.0 to 15.0"
    alike = verdict("indistinguishable") | {"difference": 0.0, "low": -0.01, "high": 0.01}
    accuracy = ScoreInfo("share", "fraction", "the oracles' value", "none")
    assert tables.tested_cell(score(0.995, verdict=alike), accuracy).interval == "98.5 to 100.0", "no share is more than all"
    none = verdict() | {"low": None, "high": None}
    assert tables.tested_cell(score(0.1, verdict=none), plain_about).interval == "p\u00a0=\u00a00.010"
    assert tables.tested_cell(score(0.1), plain_about).interval == "−2.0 to 3.0"


def test_the_number_that_decides_stands_with_its_mark(told):
    assert tables.given_away(told(recognised=100, forget=126)) == tables.Cell("100 of 126", "known better", "distinguishable")
    assert tables.given_away(told(standing_out=3, recognised=1, forget=9)).interval == "known better or known less well"
    assert tables.given_away(told(forget=9)) == tables.Cell("0 of 9")
    assert "not tested" in tables.given_away(told(chance=None)).note


def test_a_score_without_a_value_says_why(plain_about):
    assert tables.cell(score(None), plain_about) == tables.Cell("–", note="few")
    assert tables.cell(None, plain_about).value == "–"


def test_methods_are_numbered_and_read_against_ideal_floor_and_ceiling(privacy):
    table = tables.comparison(privacy.document, GLOSSARY, repair=False)
    assert [line.number for line in table.lines] == [1, 2, 3, 4]
    assert table.columns[0].heading == "Verdict"
    assert all(line.cells[0].mark == line.cells[0].value for line in table.lines)
    for line, row in zip(table.lines, privacy.document["results"], strict=True):
        reason = line.cells[0].interval.lower().removesuffix(".")
        assert row["verdict"]["because"].lower().startswith(reason), "the reason stands with the verdict"
    assert [line.kind for line in table.references] == [
        "what all are compared with", "what chance does", "nothing forgotten"
    ]  # fmt: skip
    assert {len(line.cells) for line in (*table.lines, *table.references)} == {len(table.columns)}


def test_where_no_score_can_be_told_the_table_says_so_once_and_marks_no_cell(privacy):
    document = copy.deepcopy(privacy.document)
    for row in document["results"]:
        row["verdict"]["counts"] |= {"recognised": 0, "standing_out": 0}
        for each in row["scores"].values():
            each["verdict"] = verdict("too few models") if each["verdict"] else None
            each["band"] = None
    table = tables.comparison(document, GLOSSARY, repair=False)
    assert table.undecided
    assert {cell.mark for line in table.lines for cell in line.cells[1:]} == {""}
    assert all(line.cells[0].mark for line in table.lines), "the verdict keeps its own"
    document["results"][0]["scores"]["test_accuracy"]["verdict"] = verdict()
    table = tables.comparison(document, GLOSSARY, repair=False)
    assert not table.undecided
    assert {cell.mark for line in table.lines for cell in line.cells[1:]} >= {"too few models", "distinguishable"}


def test_scores_without_a_value_and_costs_that_are_not_known_have_no_column(privacy):
    document = copy.deepcopy(privacy.document)
    for row in document["results"]:
        row["cost"] = {}
        for name in ("forget_gap", "forget_accuracy", "retain_accuracy", "test_accuracy"):
            row["scores"][name]["value"] = None
    names = [c.name for c in tables.comparison(document, GLOSSARY, repair=False).columns]
    assert names[0] == "verdict"
    assert len(names) >= 1 + tables.FEWEST
    assert not {"forget_gap", "cost"} & set(names)


def test_on_noisy_data_a_privacy_request_keeps_its_columns_and_says_which_labels_count(noisy, privacy):
    plain, table = (tables.comparison(m.document, GLOSSARY, repair=False).columns for m in (privacy, noisy))
    assert [c.name for c in table] == [c.name for c in plain]
    assert table[2].heading == "Forget accuracy, labels as trained on"


def test_a_repair_says_that_the_given_labels_are_wrong(repair):
    columns = tables.comparison(repair.document, GLOSSARY, repair=True).columns
    assert "Forget set, wrong label given" in [c.heading for c in columns]


def test_reasons_are_told_once(privacy):
    told = tables.missing(privacy.document)
    assert len(dict(told)) == len(told)
    (names,) = (names for reason, names in told if "at least 50" in reason)
    assert {name.split("_")[0] for name in names} == {"klom", "forgetting"}
    assert len(names) == 15


def test_a_remark_is_told_once_with_its_scores_and_methods(plain_about):
    noted = {name: score(0.1, note="no floor") for name in ("a", "b")}
    rows = [{"method": m, "scores": noted} for m in ("DEL()", "SalUn()")]
    glossary = {"a": plain_about, "b": plain_about}
    assert tables.notes({"results": rows}, glossary) == [("no floor", ["a", "b"], ["DEL", "SalUn"])]


def test_what_the_band_says_is_no_remark_where_there_is_a_verdict():
    glossary = {"a": ScoreInfo("share", "fraction", "0", "none", below="over-forgets")}
    rows = [{"method": "DEL()", "scores": {"a": score(0.1, "over-forgets", verdict=verdict("indistinguishable"))}}]
    assert tables.notes({"results": rows}, glossary) == []
    rows[0]["scores"]["a"]["verdict"] = None
    assert len(tables.notes({"results": rows}, glossary)) == 1


def test_the_words_of_the_glossary_are_those_of_the_record():
    assert "disjoint groups of oracles" in terms()["floor"].means


def test_every_measure_of_the_guard_is_explained(privacy):
    assert all(column.means for column in cost_tables.guard(privacy.document).columns)


def test_methods_beyond_the_line_are_apart_and_keep_their_numbers(privacy):
    document = copy.deepcopy(privacy.document)
    document["break_even"]["methods"] = ["DEL()"]
    table = tables.comparison(document, GLOSSARY, repair=False)
    assert [line.number for line in table.lines] == [1, 3, 4]
    assert [line.number for line in table.dearer] == [2]


def test_costs_are_told_with_their_shares_and_beside_retraining(privacy):
    table = cost_tables.costs(privacy.document)
    assert [c.heading for c in table.columns] == [
        "Operations",
        "Examples forward",
        "Examples backward",
        "Seconds",
        "Peak memory, MB",
    ]
    large = {**privacy.document, "oracle_cost": {**privacy.document["oracle_cost"], "forward": 21600.4}}
    assert cost_tables.costs(large).references[0].cells[1].value == "21,600"
    assert all("%" in cell.interval for line in (*table.lines, *table.references) for cell in line.cells)


def test_what_happened_is_told_once_with_all_methods_it_happened_to(privacy):
    document = copy.deepcopy(privacy.document)
    for row in document["results"][:2]:
        row["notes"] = ["stopped"]
    assert tables.happened(document) == [("Finetune, DEL", "stopped")]
    document["results"][0]["notes"] = ["2 of 2 layers", "3 of 3 layers"]  # of different models
    assert tables.happened(document)[:2] == [
        ("Finetune", "on some of its models, 2 of 2 layers"), ("Finetune", "on some of its models, 3 of 3 layers")
    ]  # fmt: skip
