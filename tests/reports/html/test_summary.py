"""The first sentences."""

import pytest

from untrain.reports.html.summary import MANY, Outcomes, details, meaning, opening, outcomes


def gap(value, low, high, verdict=None):
    return {"value": value, "low": low, "high": high, "ceiling": -0.013, "reason": None, "verdict": verdict}


def document(told, score, **more):
    row = told(tested=["forget_accuracy"]) | {"scores": {"forget_gap": score, **more}}
    row["verdict"]["tested"] = []
    return {"results": [row], "sizes": {"forget": 180}, "seeds": 5, "oracles": 10}


def test_the_outcome_comes_first_as_the_document_has_it(told):
    made = document(told, gap(-0.004, -0.016, 0.008))
    assert opening(made)[0] == made["results"][0]["verdict"]["sentence"] == "DEL: open."


def test_every_method_has_its_outcome_the_first_one_alone(told):
    rows = [told(method="Nothing()", outcome="fails: remembers"), told(outcome="passes"), told(method="GA()") | {"error": "x"}]
    made = outcomes({"results": rows})
    assert made.first.mark == "passes"
    assert [(mark.sign, text) for mark, text in made.others] == [("✗", "Nothing: open.")]
    assert made.counts == ""
    assert outcomes({"results": rows[2:]}) == Outcomes()


def test_many_methods_are_counted_those_that_pass_first(told):
    kinds = ["fails: remembers"] * 7 + ["open"] * 2 + ["passes"]
    made = outcomes({"results": [told(method=f"GA(lr={at})", outcome=kind) for at, kind in enumerate(kinds)]})
    assert made.counts == "Of 10 methods 1 passes, 7 fail (remember) and 2 are open."
    assert len(made.others) == MANY + 1


def test_details_of_all_methods_begin_with_that_which_opens(told):
    rows = [told(method="Nothing()"), told(), told(method="GA()") | {"error": "x"}]
    assert details({"results": rows}) == ["No score of DEL could be tested.", "No score of Nothing could be tested."]


def test_the_gap_comes_second_and_without_nothing_the_ceiling_is_its_measure(told):
    second = opening(document(told, gap(-0.004, -0.016, 0.008)))[1]
    assert second.startswith(
        "On the 180 examples to forget, the accuracy of retraining minus that of DEL is −0.4 percentage points "
        "(95\u00a0% interval −1.6 to 0.8) over 5 unlearned models against 10 retrained ones; leaving the model alone gives −1.3."
    )
    assert second.endswith("which does not show that they are the same.")


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("indistinguishable", "the gap lies within the margin of 2.0 points: by it DEL passes for retraining."),
        ("distinguishable", "the gap is more than chance."),
        ("too few models", "the gap is neither shown to be other than 0 nor to lie within the margin of 2.0 points."),
    ],
)
def test_where_there_is_a_test_the_gap_is_told_by_it(told, says, words):
    verdict = {"says": says, "margin": 0.02, "why": "", "low": -0.1, "blind": False}
    second = opening(document(told, gap(-0.004, -0.016, 0.008, verdict)))[1]
    assert second.endswith(words)
    assert "interval contains" not in second


@pytest.mark.parametrize(("repair", "noisy"), [(True, True), (False, True), (False, False)])
def test_true_labels_are_told_of_only_where_wrong_labels_are_to_be_forgotten(told, repair, noisy):
    true = {"forget_true_accuracy": gap(0.9, 0.8, 1.0) | {"ideal": 0.95}} if noisy else {}
    sentences = opening(document(told, gap(-0.04, -0.05, -0.03), **true), repair)
    assert ("on the labels as given" in sentences[1]) == noisy
    assert ("true labels" in " ".join(sentences)) == repair


def test_methods_are_named_without_their_values(told):
    made = document(told, gap(-0.004, -0.016, 0.008))
    made["results"][0]["method"] = "DEL(steps=Steps(lr=0.1, batch=64))"
    assert "Steps" not in " ".join(opening(made))
    assert "that of DEL is" in opening(made)[1]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.01, 0.02, "gets fewer"), (-0.02, -0.01, "gets more"), (0.0, 0.0, "no width"), (None, None, "no interval")],
)
def test_what_an_interval_means_that_was_not_tested(low, high, words):
    assert words in meaning(gap(low or 0, low, high), "it")


def test_a_gap_that_could_not_be_had_says_why(told):
    made = document(told, gap(None, None, None) | {"reason": "there are no forget examples"})
    assert opening(made)[1:] == ["There is no forget gap of DEL: there are no forget examples."]


def test_without_a_model_there_is_one_sentence():
    assert opening({"results": []}) == ["No method produced a model that could be scored; the table says why."]
