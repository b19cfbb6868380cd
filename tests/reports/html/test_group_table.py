"""Who paid, as shown."""

from untrain.reports.html.group_table import SHOWN, payers
from untrain.reports.html.tables import Cell


def part(difference, p):
    ends = {"low": difference - 0.01, "high": difference + 0.01}
    return {"examples": 30, "unlearned": 0.9, "oracle": 0.95, "difference": difference, "floor": 0.01, "p": p} | ends


def row(told, *entries):
    return told() | {"paid": list(entries)}


def test_only_what_is_no_chance_among_all_groups_is_marked(told):
    found = payers(row(told, {"group": "class 3", "test": part(-0.05, 0.01), "forget": part(-0.02, 0.3)}))
    (line,) = found.lines
    assert line.examples == "30 test, 30 forget"
    assert [c.mark for c in line.cells] == ["", "distinguishable", "", "", "", ""]
    assert line.cells[1] == Cell("−5.0", "−6.0 to −4.0", "distinguishable", "p\u00a0=\u00a00.010")
    assert found.clear == 1


def test_a_group_within_the_margin_of_the_whole_test_set_is_no_other_than_it(told):
    tested = row(told, *({"group": name, "test": part(d, 0.01), "forget": None} for name, d in (("all", -0.007), ("one", -0.015))))
    tested["scores"]["test_accuracy"] = {"verdict": {"margin": 0.02}}
    found = payers(tested)
    assert [line.cells[1].mark for line in found.lines] == ["indistinguishable", "distinguishable"]
    assert (found.clear, found.equal) == (1, 1)


def test_a_side_without_examples_and_too_few_models_leave_gaps(told):
    bare = part(-0.02, None) | {"low": None, "high": None, "floor": None}
    (line,) = payers(row(told, {"group": "wrong labels", "test": None, "forget": bare})).lines
    assert [c.value for c in line.cells] == ["–", "–", "–", "90.0\u00a0%", "−2.0", "–"]


def test_a_class_goes_by_its_name_where_it_has_one(told):
    groups = row(
        told, *({"group": name, "test": part(0.0, 1.0), "forget": None} for name in ("class 1", "class 7", "wrong labels"))
    )
    assert [line.name for line in payers(groups, ("cat", "dog")).lines] == ["class dog", "class 7", "wrong labels"]


def test_of_many_groups_those_that_paid_most_are_shown(told):
    found = payers(row(told, *({"group": f"class {c}", "test": part(0.0, 1.0), "forget": None} for c in range(100))))
    assert len(found.lines) == SHOWN
    assert found.count == 100


def test_without_groups_there_is_no_table(told):
    assert payers(told()) is None
