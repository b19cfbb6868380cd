"""Reasons to doubt a run, counted from its document."""

import copy

import pytest

from untrain.reports.html import doubts as module
from untrain.reports.html.doubts import doubts


@pytest.fixture
def rows(told):
    def made(*methods, endpoints=(), scores=None, **more):
        ends = [{"name": "test", "says": says} for says in endpoints]
        return [told(method=m, endpoints=ends, tested=["a"], **more) | {"scores": scores or {}} for m in methods]

    return made


def document(results):
    return {"results": results, "sizes": {"forget": 126}, "seeds": 5, "oracles": 12, "seed": 0, "level": 0.05}


def test_settings_are_counted_by_method_and_what_they_share_is_named(rows):
    tried = rows("DEL(lr=0.05)", "DEL(lr=0.05, keep=0.3)", "SalUn(lr=0.05)", outcome="fails: remembers")
    assert module.settings(tried) == (
        "1 method ran with one setting; with several: DEL (2), all with step size 0.05; the run does not record how they were "
        "chosen. So 'fails' may mean 'fails with these settings'; the command untrain search tries others."
    )
    passing = module.settings(rows("DEL(lr=0.1)", "SalUn(lr=0.05)", outcome="passes"))
    assert "step size" not in passing
    assert "fails" not in passing


def test_cells_that_decide_nothing_are_counted(rows):
    assert module.undecided(rows("A", "B", endpoints=("open", "within", "outside"))).startswith("2 of 6 comparisons")
    assert module.undecided(rows("A", endpoints=("within",))) == ""


def test_scores_without_a_value_are_counted_with_the_commonest_reason(rows):
    lost = {"a": {"value": None, "reason": "few"}, "b": {"value": None, "reason": "few"}, "c": {"value": None, "reason": "none"}}
    assert module.without_value(rows("A", scores=lost)).startswith(
        "3 scores could not be computed. The most frequent reason (2 scores): few."
    )
    assert module.without_value(rows("A", scores={"a": {"value": 0.1}})) == ""


def test_attacks_that_were_made_are_named_and_whether_anybody_tried_to_bring_it_back(rows):
    made = {"mia_loss_auc": {"value": 0.5}, "mia_loss_tpr_1": {"value": 0.5}, "mia_lira_auc": {"value": 0.5}}
    said = module.other_attacks(rows("A", scores=made))
    assert said.startswith("Attacks made: LiRA attack and loss attack. All look at what models put out")
    assert "was not tested" in said
    assert "was tested too" in module.other_attacks(rows("A", scores=made | {"relearn_time": {"value": 3.0}}))


def test_the_chance_of_a_false_alarm_grows_with_the_number_of_methods(rows):
    assert "at least one of 8 would be 34 times in 100" in module.false_alarms({"level": 0.05}, rows(*"ABCDEFGH"))
    assert (
        module.false_alarms({"level": 0.05}, rows("A") and [r | {"verdict": r["verdict"] | {"tested": []}} for r in rows("A")])
        == ""
    )


def test_controls_and_methods_that_did_not_run_are_no_part_of_it(rows):
    results = rows("DEL()", "Nothing()", "SalUn()")
    results[2]["error"] = "x"
    assert dict(doubts(document(results)))["Settings"].startswith("1 method ran with one setting;")
    assert doubts(document([results[2]])) == []


def test_every_doubt_of_a_run_follows_from_its_document(privacy):
    said = dict(doubts(privacy.document))
    assert said["One forget set"].startswith("The 12 examples to forget were chosen once (seed 0).")
    assert said["Few models"].startswith("2 models of each method stand against 3 retrained ones.")
    more = copy.deepcopy(privacy.document) | {"seeds": 9, "seed": None}
    changed = dict(doubts(more))
    assert "9 models" in changed["Few models"]
    assert "(seed" not in changed["One forget set"]
