"""Replies to the questions of the report."""

import pytest

from untrain.reports.html.replies import broke, cost, engineering, forgot, gave_away, replies, trust


def row(told, method, *endpoints, share=0.1, **more):
    """A row whose endpoints are given as (name, says, harm)."""
    judged = [{"name": name, "says": says, "harm": harm} for name, says, harm in endpoints]
    return told(method=method, endpoints=judged, **more) | {"cost": {"share_of_retraining": share}, "notes": []}


LABELS = {name: name for name in "ABCDEFG"}
WITHIN = ("forget", "within", "")


def test_what_was_forgotten_is_what_the_ruling_says(told):
    fates = ("forgot", "remembers", "over-forgets", "remembers", "open", "open", "hides")
    rows = [row(told, name, WITHIN, forgetting=fate) for name, fate in zip("ABCDEFG", fates, strict=True)]
    assert forgot(rows, LABELS) == (
        "A is shown to have forgotten as retraining does; B and D still know the forget set; "
        "G hides what it was to forget; C forgot more than retraining does; E and F are not shown to have forgotten."
    )


def test_what_broke_is_what_the_ruling_says(told):
    rows = [row(told, name, keeping=fate) for name, fate in zip("ABCD", ("kept", "broke", "open", "worse"), strict=True)]
    assert broke(rows, LABELS) == (
        "B does worse elsewhere than retraining by more than the margin; D does worse elsewhere, though whether by more than the "
        "margin is not shown; A does as well elsewhere as retraining; C is undecided."
    )
    assert broke([row(told, name, keeping="kept") for name in "ABCD"], LABELS) == "All do as well elsewhere as retraining."


def test_examples_are_counted_by_method_the_most_first(told):
    rows = [row(told, "A", recognised=3), row(told, "B"), row(told, "C", standing_out=1200)]
    assert gave_away(rows, LABELS) == "Single examples give themselves away after C (1,200) and A (3); none after 1 other."
    assert gave_away(rows[1:2], LABELS) == "None was found after the one method."
    assert "not tested" in gave_away([row(told, "A", chance=None)], LABELS)


def test_the_cheapest_that_passes_is_named(told):
    rows = [row(told, "A", share=0.02), row(told, "B", share=0.25, outcome="passes"), row(told, "C", share=0.5, outcome="passes")]
    assert cost(rows, LABELS) == "The cheapest that passes, B, takes 25\u00a0% of what retraining takes."
    assert cost(rows[:1], LABELS) == "The method takes 2.0\u00a0% of what retraining takes."
    assert cost([rows[0], rows[0] | {"method": "D"}], LABELS).startswith("The 2 methods take from")
    assert "not known" in cost([rows[0] | {"cost": {}}], LABELS)


@pytest.mark.parametrize(
    ("power", "start", "words"),
    [
        ({"passes": 0.84}, "Fairly", "would be shown to pass 84 times in 100."),
        ({"passes": 0.3}, "Partly", "so open outcomes say little."),
        (None, "Not known", "would be shown to pass."),
    ],
)
def test_trust_goes_by_power(told, power, start, words):
    made = {"results": [row(told, "A", power=power)], "seeds": 5, "oracles": 6}
    assert trust(made).startswith(f"{start}: with 5 unlearned models and 6 retrained ones, ")
    assert trust(made).endswith(words)


def test_a_test_without_power_is_not_trusted(told):
    blind = row(told, "A") | {"scores": {"x": {"verdict": {"blind": True}, "value": 1.0}}}
    assert trust({"results": [blind], "seeds": 1, "oracles": 2}).startswith("Hardly: with 1 unlearned model and 2 retrained ones")


def test_a_failure_is_trusted_even_so(told):
    blind = row(told, "A") | {"scores": {"x": {"verdict": {"blind": True}, "value": 1.0}}}
    blind["verdict"]["outcome"] = "fails: remembers"
    assert trust({"results": [blind], "seeds": 1, "oracles": 2}).startswith(
        "Where a method fails, yes; else hardly: with 1 unlearned"
    )


def test_engineering_counts_what_there_is(told):
    rows = [row(told, "A") | {"notes": ["x"], "scores": {"s": {"value": None}}}, row(told, "B") | {"error": "e"}]
    assert engineering({"results": rows}).endswith("1 note on the runs, 1 score without a value and 1 method that did not run.")


def test_without_a_model_every_question_has_a_reply(told):
    made = replies({"results": [row(told, "A") | {"error": "e"}], "seeds": 1, "oracles": 2})
    assert set(made) == {"forget", "break", "examples", "cost", "trust", "engineering"}
    assert made["cost"] == "No method produced a model."
