"""Who won, in one sentence."""

import itertools

import numpy as np
import pytest

from untrain.reports.tally import KINDS, LOST, NOTHING, advice, sentence, tally

REMEMBERS, HIDES, DAMAGED = KINDS
OUTCOMES = ("passes", REMEMBERS, DAMAGED, "open", LOST, HIDES)


def groups(counts, words=1):
    """Made-up names of so many words each by outcome."""
    number = itertools.count()
    return {
        o: [" ".join([f"M{next(number)}", *["x"] * (words - 1)]) for _ in range(n)] for o, n in zip(OUTCOMES, counts, strict=False)
    }


@pytest.mark.parametrize("words", [1, 2, 3, 40])
def test_it_has_at_most_thirty_words_and_leaves_no_method_out(words):
    rng = np.random.default_rng(words)
    tallies = [*itertools.product((0, 1, 4), repeat=6), *rng.integers(0, 200, (200, 6)).tolist()]
    for counts in tallies:
        made = groups(counts, words)
        text = sentence(made)
        assert len(text.split()) <= 30, text
        assert text.endswith(".")
        if sum(counts) == counts[4]:
            assert text == NOTHING
        elif sum(counts) > 1:
            assert text.startswith(f"Of {sum(counts)} methods, ")
            told = text.replace(",", " ,").replace(".", " .").split()
            for n, names in zip(counts, made.values(), strict=True):
                assert n == 0 or str(n) in told[2:] or all(f" {name} " in f" {' '.join(told)} " for name in names), text


def test_names_stand_where_they_fit_and_those_that_pass_are_counted_last():
    text = "Of 4 methods, M0 and M1 pass; M2 fails (still knows the forget set); M3 fails (damaged)."
    assert sentence(groups((2, 1, 1, 0, 0))) == text
    many = sentence(groups((3, 3, 3, 3, 0), words=2))
    assert many.startswith(
        "Of 12 methods, M0 x, M1 x and M2 x pass; M3 x, M4 x and M5 x fail (still know the forget set); 3 fail (damaged)"
    )
    assert many.endswith("; 3 are open.")


def test_that_none_passes_is_said_first():
    assert sentence(groups((0, 1, 0, 1, 0))) == "Of 2 methods, none passes; M0 fails (still knows the forget set); M1 is open."


@pytest.mark.parametrize(
    ("at", "text"),
    [(0, "M0 passes."), (1, "M0 fails (still knows the forget set)."), (2, "M0 fails (damaged)."), (3, "M0 is open.")],
)
def test_one_method_is_not_counted(at, text):
    assert sentence(groups([int(at == n) for n in range(5)])) == text


def test_controls_do_not_win_and_methods_of_one_name_have_letters(told):
    rows = [
        told(method="Retrain()", outcome="passes"),
        told(method="DEL(keep=0.1)", outcome="passes"),
        told(method="DEL(keep=0.3)"),
    ]
    assert tally({"results": rows}) == "Of 2 methods, DEL (a) passes; DEL (b) is open."
    assert tally({"results": rows[:1]}) == "Retrain passes."
    assert tally({"results": [told() | {"error": "x"}]}) == NOTHING


def test_the_advice_is_the_cheapest_that_passes_or_to_retrain(told):
    def advised(*rows):
        return advice({"results": [told(method=m, outcome=o) | {"cost": {"share_of_retraining": c}} for m, o, c in rows]})

    fails = ("A()", "fails: remembers", 0.1)
    assert advised(fails, ("Retrain()", "passes", 1.0)) == "Retrain: nothing cheaper passes."
    cheap, dear = ("B()", "passes", 0.33), ("C()", "passes", 0.5)
    assert advised(fails, dear, cheap) == "The cheapest that passes: B, at 33\u00a0% of the cost of retraining."
    assert advised(fails, ("B()", "passes", 1.01)) == "Retrain: what passes costs as much as retraining or more."
    assert advised(fails, ("B()", "open", 0.2)) == "Retrain, or test more: nothing cheaper is shown to pass."
    assert advised(("B()", "passes", None)).endswith("their cost is not known.")
    assert advised(("Nothing()", "fails: remembers", 0.0)) == ""
