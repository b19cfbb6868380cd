"""Verdicts in words."""

import pytest

from untrain.evaluation.scoring.verdict_wording import sentence


def verdict(apart=(), equal=(), tested=(), recognised=0, standing_out=0):
    counts = {"forget": 500, "recognised": recognised, "standing_out": standing_out}
    chance = {"chance": 0.05, "counts": counts}
    return {"distinguishable": list(apart), "indistinguishable": list(equal), "tested": list(tested), **chance}


def scores(why="remembers: more", low=-1.0, names="abcd"):
    return {n: {"why": why, "low": low} for n in names}


def test_examples_that_can_be_told_come_first_and_name_the_method():
    told = sentence(verdict(recognised=12, tested="ab", apart="a"), scores(), "DEL")
    assert told.startswith("12 of 500 forget examples can still be recognised in the outputs of DEL: it knows them better")
    assert "DEL is distinguishable from retraining by 1 of 2 tested scores: a (remembers: more)." in told


def test_scores_are_called_by_their_headings_and_few_are_named():
    told = sentence(verdict(apart="abcd", tested="abcd"), scores(), "DEL", str.upper)
    assert "by 4 of 4 tested scores: A (remembers: more), B (remembers: more), and 2 more." in told


def test_over_forgetting_is_called_a_failure_where_a_tested_score_shows_it():
    by_score = sentence(verdict(apart="a", tested="a"), scores("over-forgets: less"))
    plain = sentence(verdict(apart="a", tested="a"), scores())
    assert "over-forgets, which is a failure (the Streisand effect)" in by_score
    assert "Streisand" not in plain


def test_all_within_their_margins_is_indistinguishable():
    told = sentence(verdict(equal="ab", tested="ab"), scores(), "Retrain")
    assert told == "Retrain is indistinguishable from retraining on all 2 tested scores, within their margins."


def test_too_few_models_say_what_it_would_take():
    some = sentence(verdict(equal="a", tested="abc"), scores())
    assert "on 2 of 3 tested scores; on the other 1 it is indistinguishable" in some
    none = sentence(verdict(tested="abc"), scores("19 retrained ones are needed", low=None))
    assert none.endswith("on 3 of 3 tested scores (19 retrained ones are needed).")


def test_without_a_tested_score_nothing_is_claimed():
    assert sentence(verdict(), {}, "DEL") == "No score of DEL could be tested."


BOTH = "does both: some of the forget examples it remembers, others it over-forgets"
WAYS = {"remembers": "remembers: x", "over": "over-forgets: x"}


@pytest.mark.parametrize(
    ("scored", "counts", "both"),
    [
        ({"example_max": "remembers", "example_min": "over"}, {}, True),
        ({"example_max": "remembers"}, {"standing_out": 3}, True),
        ({}, {"recognised": 5, "standing_out": 3}, True),
        ({"forget_accuracy": "remembers", "mia_loss_auc": "over"}, {}, False),
        ({"example_max": "remembers", "forget_accuracy": "over"}, {}, False),
        ({"example_min": "over", "forget_accuracy": "remembers"}, {}, False),
        ({"example_max": "remembers", "forget_accuracy": "remembers"}, {"recognised": 2}, False),
        ({"example_min": "over"}, {"standing_out": 9}, False),
    ],
)
def test_different_examples_are_spoken_of_where_single_ones_show_both_ways(scored, counts, both):
    held = verdict(apart=scored, tested=[*scored, "z"], **counts)
    scores = {n: {"why": WAYS.get(way, ""), "low": -1.0, "difference": 0.0} for n, way in (scored | {"z": ""}).items()}
    told = sentence(held, scores, "DEL")
    assert (f"DEL {BOTH}." in told) == both
    ways = set(scored.values())
    assert ("need not be different examples" in told) == (not both and len(ways) == 2)
    assert not (both and "need not be" in told)


def test_a_score_is_named_for_each_way_where_means_disagree():
    by_score = {"a": {"why": "remembers: x", "low": 0.0}, "b": {"why": "over-forgets: x", "low": 0.0}}
    told = sentence(verdict(apart="ab", tested="ab"), by_score, "DEL", str.upper)
    assert "Scores point both ways: by A it remembers, by B it over-forgets;" in told


def test_a_model_that_answers_test_examples_worse_too_is_told_to_be_damaged():
    held = verdict(tested=["a", "test_accuracy"], apart=["a", "test_accuracy"])
    told = {"a": {"why": "over-forgets: less", "low": -2.0, "difference": -1.0}}
    worse, better = (sentence(held, told | {"test_accuracy": {"why": "x", "low": 0.0, "difference": d}}) for d in (-0.1, 0.1))
    assert "damage to the whole model" in worse
    known = told | {"test_accuracy": {"why": "x", "low": 0.0, "difference": -0.1}}
    assert "Streisand" not in sentence(held | {"forgetting": "remembers"}, known), "what the protocol says"
    assert "damage" not in better
