"""Headings of scores."""

from untrain.pages.words import GIVEN, WRONG, heading


def test_known_scores_have_headings_and_others_are_spelled_out():
    assert heading("forget_gap") == "Forget gap, points"
    assert heading("forget_gap", GIVEN) == heading("forget_gap", WRONG) == "Forget gap, given labels, points"
    assert heading("klom_forget_p95") == "KLoM forget 95th percentile"
    assert heading("some_new_score") == "Some new score"
