"""The evidence behind the first sentence: the outcome on each method, and the forget gap of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from untrain.evaluation.base import ScoreInfo
from untrain.reports import formatting, standing, verdict_marks
from untrain.reports.html.tables import Cell, labels_of, tested_cell

Row = Mapping[str, Any]
_SHARE = ScoreInfo("share", "fraction", "the oracles' value", "")


def outcomes(document: Mapping[str, Any]) -> list[tuple[Cell, str]]:
    """Mark and sentence of each method that was judged, in the order of the tables."""
    labels = labels_of(document)
    judged = [row for row in document["results"] if not row["error"]]
    return [(_marked(row), verdict_marks.sentence(row, labels[row["method"]])) for row in judged]


def details(document: Mapping[str, Any]) -> list[str]:
    """Findings of the tests of all scores on each method; those on the selected one first."""
    first, labels = standing.lead(document["results"]), labels_of(document)
    rows = [row for row in document["results"] if not row["error"]]
    return [verdict_marks.detail(row, labels[row["method"]]) for row in sorted(rows, key=lambda row: row is not first)]


def _marked(row: Row) -> Cell:
    says, _ = verdict_marks.outcome(row)
    return Cell(says, mark=says)


def measured(document: Mapping[str, Any], repair: bool = False) -> list[str]:
    """The forget gap of the selected method, and what the test says of it; of a repair, accuracy on the true labels.

    Args:
        document: a run's scores.
        repair: whether wrong labels are to be forgotten.
    """
    row = standing.lead(document["results"])
    if row is None:
        return []
    name = labels_of(document)[row["method"]]
    true = [corrected(row, name)] if repair and "forget_true_accuracy" in row["scores"] else []
    return [*gap(document, row, name), *true]


def gap(document: Mapping[str, Any], row: Row, name: str) -> list[str]:
    """The forget gap of a method with its interval, and what the test or the interval says; nothing where nobody asked."""
    score = row["scores"].get("forget_gap")
    if score is None:
        return []
    if score["value"] is None:
        return [f"There is no forget gap of {name}: {score['reason']}."]
    noisy = "forget_true_accuracy" in row["scores"]
    on = ", by the labels as given" if noisy else ""
    examples = formatting.counted(document["sizes"]["forget"], "example")
    first = (
        f"Accuracy on the {examples} to forget{on}: retraining's minus that of {name} is "
        f"{verdict_marks.gap_points(score)}, by {formatting.counted(document['seeds'], 'unlearned model')} "
        f"and {formatting.counted(document['oracles'], 'retrained one')}; "
        f"{left_alone(document, score)}."
    )
    fails = verdict_marks.outcome(row)[0] == "fails"
    return [f"{first} {verdict_marks.of_gap(score, name, fails) if score['verdict'] else meaning(score, name)}"]


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
    reach = f"(95\N{NO-BREAK SPACE}% interval {tested_cell(score, _SHARE).interval})"
    return f"By their true labels, {name} gets {value} of them right {reach}; retraining {ideal}{original}."
