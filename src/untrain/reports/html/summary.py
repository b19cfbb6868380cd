"""The sentences that a report opens with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from untrain.evaluation.protocols.outcome import DAMAGED, HIDES, OPEN, PASSES, REMEMBERS
from untrain.evaluation.protocols.outcome_wording import listed
from untrain.reports import formatting, verdict_marks
from untrain.reports.html.tables import Cell

Row = Mapping[str, Any]
MANY = 8  # methods beside the first, beyond which their outcomes are counted and folded away
_VERBS = {  # of one method, and of several
    PASSES: ("passes", "pass"),
    REMEMBERS: ("fails (remembers)", "fail (remember)"),
    HIDES: ("fails (hides the forget set)", "fail (hide the forget set)"),
    DAMAGED: ("fails (over-forgets or broke something)", "fail (over-forget or broke something)"),
    OPEN: ("is open", "are open"),
}


def opening(document: Mapping[str, Any], repair: bool = False) -> list[str]:
    """The sentences that a report opens with: the outcome, then the forget gap and what the test says of it.

    Methods are named without their values: a spelling would be broken wherever a line ends.

    Args:
        document: a run's scores.
        repair: whether wrong labels are to be forgotten.
    """
    row = formatting.lead(document["results"])
    if row is None:
        return ["No method produced a model that could be scored; the table says why."]
    sentences = [row["verdict"]["sentence"], *gap(document, row)]
    return (
        [*sentences, corrected(row, formatting.short(row["method"]))]
        if repair and "forget_true_accuracy" in row["scores"]
        else sentences
    )


@dataclass(frozen=True)
class Outcomes:
    """The outcome on each method: that which opens, the others, and how many there are of each where these are many.

    Args:
        first: mark of the outcome that opens; None where no method was judged.
        others: mark and sentence of each other method, in the order of the tables.
        counts: in a sentence; empty where the others are few.
    """

    first: Cell | None = None
    others: tuple[tuple[Cell, str], ...] = ()
    counts: str = ""


def outcomes(document: Mapping[str, Any]) -> Outcomes:
    """The outcomes on all methods of a run, each in the same words whatever it is."""
    judged = [row for row in document["results"] if not row["error"]]
    first = formatting.lead(document["results"])
    if first is None:
        return Outcomes()
    others = tuple((_marked(row), row["verdict"]["sentence"]) for row in judged if row is not first)
    tally = Counter(row["verdict"]["outcome"] for row in judged)
    parts = [f"{tally[says]} {words[tally[says] > 1]}" for says, words in _VERBS.items() if tally[says]]
    counts = f"Of {len(judged)} methods {listed(parts)}." if len(others) > MANY else ""
    return Outcomes(_marked(first), others, counts)


def details(document: Mapping[str, Any]) -> list[str]:
    """What the tests of all scores say of each method; of that which a report opens with, first."""
    first = formatting.lead(document["results"])
    rows = [row for row in document["results"] if not row["error"]]
    return [verdict_marks.detail(row) for row in sorted(rows, key=lambda row: row is not first)]


def _marked(row: Row) -> Cell:
    says, _ = verdict_marks.outcome(row)
    return Cell(says, mark=says)


def gap(document: Mapping[str, Any], row: Row) -> list[str]:
    """The forget gap of a method with its interval, and what the test or the interval says; nothing where nobody asked."""
    score, name = row["scores"].get("forget_gap"), formatting.short(row["method"])
    if score is None:
        return []
    if score["value"] is None:
        return [f"There is no forget gap of {name}: {score['reason']}."]
    noisy = "forget_true_accuracy" in row["scores"]
    on = ", on the labels as given," if noisy else ""
    examples = formatting.counted(document["sizes"]["forget"], "example")
    first = (
        f"On the {examples} to forget, the accuracy of retraining minus that of {name}{on} is {formatting.points(score)} over "
        f"{formatting.counted(document['seeds'], 'unlearned model')} "
        f"against {formatting.counted(document['oracles'], 'retrained one')}; "
        f"{left_alone(document, score)}."
    )
    return [f"{first} {verdict_marks.of_gap(score, name) if score['verdict'] else meaning(score, name)}"]


def left_alone(document: Mapping[str, Any], score: Mapping[str, Any]) -> str:
    """The gap of the model that nothing was done to."""
    rows = [r for r in document["results"] if formatting.label(r["method"]) == "Nothing" and not r["error"]]
    value = rows[0]["scores"]["forget_gap"]["value"] if rows else score["ceiling"]
    return (
        "leaving the model alone was not measured"
        if value is None
        else f"leaving the model alone gives {formatting.digits(100 * value)}"
    )


def meaning(score: Mapping[str, Any], name: str) -> str:
    """A sentence on what the interval of an untested gap does and does not show."""
    if score["low"] is None:
        return "There is no interval, so nothing can be said about how sure this is."
    if score["low"] == score["high"]:
        return "All resamples gave the same value, so the interval has no width; that is not certainty."
    if score["low"] <= 0 <= score["high"]:
        return (
            f"The interval contains 0: on this score the run does not tell {name} from retraining, "
            "which does not show that they are the same."
        )
    which = "fewer" if score["value"] > 0 else "more"
    return f"The interval leaves out 0: {name} gets {which} of them right, by these labels, than retraining."


def corrected(row: Row, name: str) -> str:
    """A sentence on accuracy on the forget examples by their true labels."""
    score = row["scores"]["forget_true_accuracy"]
    value, ideal, ceiling = (formatting.quantity(score[n], "fraction") for n in ("value", "ideal", "ceiling"))
    original = "" if score["ceiling"] is None else f", the original model {ceiling}"
    reach = f"(95\N{NO-BREAK SPACE}% interval {formatting.interval(score, 'fraction')})"
    return f"By their true labels, {name} gets {value} of them right {reach}; retraining {ideal}{original}."
