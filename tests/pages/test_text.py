"""Numbers and sentences."""

import pytest

from untrain.pages import text


def gap(value, low, high):
    return {"value": value, "low": low, "high": high, "ceiling": -0.013, "reason": None}


def row(method, layers=None, error=None):
    return {"method": method, "layers": layers or {}, "error": error, "scores": {"forget_gap": gap(-0.004, -0.016, 0.008)}}


def test_numbers_have_a_true_minus_and_no_negative_zero():
    assert text.digits(-0.4) == "−0.4"
    assert text.digits(-0.04) == "0.0"


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "–"), (0.0, "0\u00a0%"), (0.0001, "< 0.1\u00a0%"), (0.034, "3.4\u00a0%"), (0.337, "34\u00a0%"), (1.04, "104\u00a0%")],
)
def test_shares_have_sensible_digits(value, told):
    assert text.share(value) == told


def test_fractions_are_percent_and_gaps_points():
    assert text.quantity(0.974, "fraction") == "97.4\u00a0%"
    assert text.quantity(-0.004, "fraction", gap=True) == "−0.4"
    assert text.quantity(0.51234, "probability") == "0.512"
    assert text.interval(gap(0, -0.016, 0.008), "fraction", gap=True) == "−1.6 to 0.8"


def test_labels_leave_out_empty_brackets_and_short_ones_all():
    assert text.label("ResetFinetune() @ RandomMask()") == "ResetFinetune @ RandomMask"
    assert text.short("DEL(steps=Steps(lr=0.1), keep=0.3) @ A()") == "DEL @ A"


def test_the_lead_goes_by_name_and_kind_and_never_by_scores():
    mask = {"w": [1, 2]}
    rows = [row("Nothing()"), row("Finetune()"), row("SalUn()", mask), row("DEL(keep=0.5)", mask)]
    assert text.lead(rows)["method"] == "DEL(keep=0.5)"
    assert text.lead(rows[:3])["method"] == "SalUn()"
    assert text.lead(rows[:2])["method"] == "Finetune()"
    assert text.lead(rows[:1])["method"] == "Nothing()"
    assert text.lead([row("DEL()", mask, "failed")]) is None


def test_the_opening_without_nothing_takes_the_ceiling():
    document = {"results": [row("DEL()")], "sizes": {"forget": 180}, "seeds": 5, "oracles": 10}
    first, second = text.opening(document)
    assert first == (
        "On the 180 examples to forget, the accuracy of retraining minus that of DEL is −0.4 percentage points "
        "(95\u00a0% interval −1.6 to 0.8) over 5 seeds against 10 retrained models; leaving the model alone gives −1.3."
    )
    assert "does not show that they are the same" in second


@pytest.mark.parametrize(
    ("repair", "noisy", "told"),
    [
        (True, True, "as their wrong labels say"),
        (False, True, "as the labels given say"),
        (False, False, "of these examples rightly"),
    ],
)
def test_labels_are_called_wrong_only_where_wrong_labels_are_to_be_forgotten(repair, noisy, told):
    true = {"forget_true_accuracy": gap(0.9, 0.8, 1.0) | {"ideal": 0.95}} if noisy else {}
    one = row("DEL()") | {"scores": {"forget_gap": gap(-0.04, -0.05, -0.03), **true}}
    document = {"results": [one], "sizes": {"forget": 180}, "seeds": 5, "oracles": 10}
    sentences = text.opening(document, repair)
    assert told in sentences[1]
    assert ("true labels" in " ".join(sentences)) == repair


def test_the_opening_names_a_method_without_its_values():
    rows = [row("DEL(steps=Steps(lr=0.1, batch=64))")]
    first, second = text.opening({"results": rows, "sizes": {"forget": 180}, "seeds": 5, "oracles": 10})
    assert "that of DEL is" in first
    assert "Steps" not in first + second


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(0.01, 0.02, "it is right fewer"), (-0.02, -0.01, "it is right more"), (0.0, 0.0, "no width"), (None, None, "no interval")],
)
def test_what_an_interval_means(low, high, told):
    assert told in text.meaning(gap(low or 0, low, high), "it", "is right {} times")


def test_a_gap_that_could_not_be_had_says_why():
    one = row("DEL()") | {"scores": {"forget_gap": {"value": None, "reason": "there are no forget examples"}}}
    assert text.opening({"results": [one]}) == ["DEL has no forget gap: there are no forget examples."]
