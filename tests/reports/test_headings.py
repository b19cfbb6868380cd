"""Headings of scores."""

from untrain.evaluation.glossary import scorers
from untrain.reports.headings import GIVEN, WRONG, heading, named


def test_known_scores_have_headings_and_others_are_spelled_out():
    assert heading("forget_gap") == "Forget gap, points"
    assert heading("forget_accuracy", GIVEN) != heading("forget_accuracy", WRONG) != heading("forget_accuracy")
    assert heading("klom_forget_p95") == "KLoM, forget set, 95th percentile"
    assert heading("some_new_score") == "Some new score"


def test_inside_a_sentence_only_abbreviations_are_capitals():
    assert named("forget_gap") == "forget gap"
    assert named("mia_svc_efficacy") == "SVC attack, non-members"
    assert named("klom_forget") == "KLoM, forget set"
    assert named("js_test") == "Jensen-Shannon distance, test set"
    assert named("disagreement_test") == "disagreement, test set"


def test_attacks_are_called_by_their_names():
    assert heading("mia_loss_auc") == "Loss attack, AUC"
    assert heading("mia_ulira_tpr_01") == "U-LiRA attack, TPR at 0.1 % FPR"
    assert heading("mia_lira_offline_accuracy") == "Offline LiRA attack, balanced accuracy"
    assert heading("mia_ulira_in_sample") == "U-LiRA attack, in sample"


def test_no_two_scores_have_the_same_heading():
    names = [name for evaluator in scorers() for name in evaluator.scores]
    assert len({heading(name) for name in names}) == len(names)
