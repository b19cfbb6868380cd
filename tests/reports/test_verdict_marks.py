"""Verdicts as they are shown."""

import pytest

from untrain.evaluation.base import ScoreInfo
from untrain.reports import verdict_marks

ABOUT = ScoreInfo("share", "fraction", "0", "none")


def verdict(says="distinguishable", blind=False, **more):
    plain = {"difference": -0.034, "low": -0.067, "high": -0.001, "p": 0.042, "margin": 0.02, "level": 0.05}
    return plain | {"says": says, "why": "over-forgets: less", "blind": blind} | more


def test_scores_are_called_by_their_headings(told):
    row = told("distinguishable", tested=["mia_loss_auc"], distinguishable=["mia_loss_auc"])
    row["scores"] = {"mia_loss_auc": {"verdict": verdict()}}
    assert "by 1 of 1 tested scores: loss attack, AUC (over-forgets: less)." in verdict_marks.detail(row)


@pytest.mark.parametrize(
    ("said", "parts"), [("passes", ("passes", "")), ("open", ("open", "")), ("fails: remembers", ("fails", "remembers"))]
)
def test_an_outcome_is_a_word_with_a_mark_and_the_way_it_fails(told, said, parts):
    assert verdict_marks.outcome(told(outcome=said)) == parts
    assert parts[0] in verdict_marks.MARKS


def test_a_test_that_does_not_tell_the_originals_is_called_powerless(told):
    row = told()
    row["scores"] = {"a": {"verdict": verdict("too few models", blind=True)}, "b": {"verdict": None}}
    assert "an open outcome says little; a failure stands" in verdict_marks.powerless(row)
    row["scores"]["c"] = {"verdict": verdict()}
    assert verdict_marks.powerless(row) == ""
    assert verdict_marks.powerless(told()) == ""


def test_a_blind_verdict_says_so_unless_it_told_something():
    assert verdict_marks.BLIND in verdict_marks.why(verdict("indistinguishable", blind=True))
    assert verdict_marks.BLIND not in verdict_marks.why(verdict("distinguishable", blind=True))
    assert verdict_marks.why(None) == ""


FAILS = "fails: over-forgets or broke something"


@pytest.mark.parametrize(
    ("says", "more", "shown"),
    [
        ("distinguishable", {"distinguishable": ["a"], "recognised": 2, "outcome": "fails: remembers"},
         ("fails", "remembers; differs by 1 of 3 scores, 2 recognised")),
        ("distinguishable", {"standing_out": 4, "outcome": FAILS},
         ("fails", "over-forgets or broke something; differs by 0 of 3 scores, 4 stand out")),
        ("too few models", {"indistinguishable": ["a", "b"], "outcome": "passes"}, ("passes", "equal by 2 of 3 scores")),
        ("indistinguishable", {"indistinguishable": ["a", "b", "c"]}, ("open", "equal by all 3 scores")),
        ("too few models", {"tested": []}, ("open", "no score tested")),
    ],
)  # fmt: skip
def test_a_method_has_a_short_verdict_that_begins_with_its_outcome(told, says, more, shown):
    assert verdict_marks.short(told(says, **{"tested": ["a", "b", "c"]} | more)) == shown


def test_evidence_is_told_in_the_unit_of_the_score():
    assert verdict_marks.evidence(verdict(), ABOUT) == {
        "difference": "−3.4", "interval": "−6.7 to −0.1", "margin": "±2.0", "p": "0.042"
    }  # fmt: skip
    assert set(verdict_marks.evidence(None, ABOUT).values()) == {""}
    assert verdict_marks.evidence(verdict(low=None, high=None), ABOUT)["interval"] == ""


def test_finding_no_example_is_not_taken_for_there_being_none(told):
    assert "does not show that none can be recognised" in verdict_marks.looked_for(told())["none"]
    assert "at least 3 retrained models" in verdict_marks.looked_for(told(chance=None))["none"]


def test_examples_that_stand_out_are_told_with_their_chance(told):
    found = verdict_marks.looked_for(told(recognised=2, standing_out=1))
    assert found["recognised"].startswith("2 of the 500 forget examples can be recognised")
    assert "over-forgetting" in found["standing_out"]
    assert "at most 5\u00a0%" in found["standing_out"]
