"""Headings of scores."""

from untrain.pages.words import GIVEN, WRONG, heading, named


def test_known_scores_have_headings_and_others_are_spelled_out():
    assert heading("forget_gap") == "Forget gap, points"
    assert heading("forget_gap", GIVEN) == heading("forget_gap", WRONG) == "Forget gap, given labels, points"
    assert heading("klom_forget_p95") == "KLoM forget 95th percentile"
    assert heading("some_new_score") == "Some new score"


def test_inside_a_sentence_only_abbreviations_are_capitals():
    assert named("forget_gap") == "forget gap"
    assert named("mia_svc_efficacy") == "SVC attack, non-members"
    assert named("klom_forget") == "KLoM forget"
