"""The first sentences."""

import pytest

from untrain.reports.html.summary import details, meaning, measured, outcomes
from untrain.reports.verdict_marks import sentence


def gap(value, low, high, verdict=None):
    return {
        "value": value,
        "low": low,
        "high": high,
        "ceiling": -0.013,
        "reason": None,
        "verdict": verdict,
        "band": None,
        "note": None,
    }


def document(told, score, **more):
    row = told(tested=["forget_accuracy"]) | {"scores": {"forget_gap": score, **more}}
    row["verdict"]["tested"] = []
    return {"results": [row], "sizes": {"forget": 180}, "seeds": 5, "oracles": 10}


def test_every_method_has_its_outcome_under_its_label(told):
    rows = [told(method="GA(lr=1)", outcome="fails: remembers"), told(method="GA(lr=2)", outcome="passes"), told() | {"error": "x"}]
    made = outcomes({"results": rows})
    assert [(mark.sign, text) for mark, text in made] == [("✗", "GA (a): open."), ("✓", "GA (b): open.")]
    assert outcomes({"results": rows[2:]}) == []


def test_a_sentence_that_begins_with_no_name_stays_as_it_is(told):
    row = told()
    row["verdict"]["sentence"] = "DELETED: open."
    assert sentence(row, "DEL (a)") == "DELETED: open."


def test_details_of_all_methods_begin_with_that_which_opens(told):
    rows = [told(method="Nothing()"), told(), told(method="GA()") | {"error": "x"}]
    assert details({"results": rows}) == ["No score of DEL could be tested.", "No score of Nothing could be tested."]


def test_without_a_control_the_ceiling_is_the_measure_of_the_gap(told):
    first = measured(document(told, gap(-0.004, -0.016, 0.008)))[0]
    assert first.startswith(
        "Accuracy on the 180 examples to forget: retraining's minus that of DEL is −0.4 percentage points "
        "(95\u00a0% interval −1.6 to 0.8), by 5 unlearned models and 10 retrained ones; leaving the model alone gives −1.3."
    )
    assert first.endswith("which does not show that they are the same.")


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("indistinguishable", "the gap lies within the margin of 2.0 points: by it DEL passes for retraining."),
        ("distinguishable", "the gap is more than chance."),
        (
            "too few models",
            "is undecided: it is shown neither to differ from 0 nor to lie within the margin of 2.0 points.",
        ),
    ],
)
def test_where_there_is_a_test_the_gap_is_told_by_it(told, says, words):
    verdict = {"says": says, "margin": 0.02, "why": "", "low": -0.1, "blind": False}
    first = measured(document(told, gap(-0.004, -0.016, 0.008, verdict)))[0]
    assert first.endswith(words)
    assert "interval contains" not in first


def test_one_score_does_not_pass_a_method_that_fails_by_others(told):
    within = {"says": "indistinguishable", "margin": 0.02, "why": "", "low": -0.1, "blind": False}
    failing = document(told, gap(-0.004, -0.016, 0.008, within))
    failing["results"][0]["verdict"]["outcome"] = "fails: remembers"
    (sentence_,) = measured(failing)
    assert "passes" not in sentence_
    assert sentence_.endswith("so this score does not show what other evidence does.")


@pytest.mark.parametrize(("repair", "noisy"), [(True, True), (False, True), (False, False)])
def test_true_labels_are_told_of_only_where_wrong_labels_are_to_be_forgotten(told, repair, noisy):
    true = {"forget_true_accuracy": gap(0.9, 0.8, 1.0) | {"ideal": 0.95}} if noisy else {}
    sentences = measured(document(told, gap(-0.04, -0.05, -0.03), **true), repair)
    assert ("by the labels as given" in sentences[0]) == noisy
    assert ("true labels" in " ".join(sentences)) == repair


def test_methods_are_named_without_their_values(told):
    made = document(told, gap(-0.004, -0.016, 0.008))
    made["results"][0]["method"] = "DEL(steps=Steps(lr=0.1, batch=64))"
    (told_,) = measured(made)
    assert "Steps" not in told_
    assert "that of DEL is" in told_


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.01, 0.02, "gets fewer"), (-0.02, -0.01, "gets more"), (0.0, 0.0, "no width"), (None, None, "no interval")],
)
def test_what_an_interval_means_that_was_not_tested(low, high, words):
    assert words in meaning(gap(low or 0, low, high), "it")


def test_a_gap_that_could_not_be_had_says_why(told):
    made = document(told, gap(None, None, None) | {"reason": "there are no forget examples"})
    assert measured(made) == ["There is no forget gap of DEL: there are no forget examples."]


def test_without_a_model_nothing_is_measured():
    assert measured({"results": []}) == []
