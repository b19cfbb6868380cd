"""The conclusion on true labels that come back."""

import pytest

from untrain.reports.repaired import is_mostly_wrong, repaired


@pytest.fixture
def tried(told):
    """A method's row: tried(name, accuracy by the true labels, what the test says, the ends of its interval)."""

    def made(name, value, says="too few models", low=None, high=None):
        verdict = {"says": says, "difference": value - 0.99, "low": low, "high": high, "margin": 0.02}
        score = {"value": value, "ideal": 0.99, "ceiling": 0.25, "verdict": verdict}
        return told(method=f"{name}()") | {"scores": {"forget_true_accuracy": score, "forget_accuracy": {"ideal": 0.01}}}

    return made


def concluded(*rows):
    return repaired({"results": list(rows)}).replace("\N{NO-BREAK SPACE}", " ")


def test_what_is_shown_to_bring_the_labels_back_is_named_with_the_share(tried):
    text = concluded(
        tried("A", 0.985, "indistinguishable", -0.01, 0.0),
        tried("B", 0.4, "distinguishable", -0.7, -0.5),
        tried("C", 0.97),
        tried("Nothing", 0.25, "distinguishable", -0.8, -0.7),
    )
    assert text == (
        "A (98.5 %) brings the true labels back; B (40.0 %) brings back fewer; C (97.0 %) is undecided. By the true labels, "
        "retrained models get 99.0 % of these examples right, untouched ones 25.0 %."
    )


def test_better_than_retraining_is_back_too_and_one_below_the_margin_is_not_shown(tried):
    above, wide = tried("A", 1.0, "distinguishable", 0.001, 0.02), tried("B", 0.98, "too few models", -0.05, 0.03)
    assert concluded(above, wide).startswith("A (100.0 %) brings the true labels back; B (98.0 %) is undecided.")


def test_that_none_is_shown_is_said_first_and_many_are_counted_with_their_ends(tried):
    text = concluded(*(tried(name, value) for name, value in zip("ABCD", (0.9, 0.7, 0.98, 0.8), strict=True)))
    assert text.startswith("No method is shown to bring the true labels back; all 4 methods (B 70.0 % to C 98.0 %) are undecided. ")


def test_without_true_labels_nothing_is_concluded(tried, told):
    assert concluded(told()) == ""
    assert is_mostly_wrong({"results": [tried("A", 0.9)]})
    assert not is_mostly_wrong({"results": [told()]})
    row = tried("A", 0.9)
    row["scores"]["forget_accuracy"]["ideal"] = 0.8  # a few wrong labels here and there
    assert not is_mostly_wrong({"results": [row]})
