"""The table of a run in a terminal: methods down, scores across."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from untrain.evaluation.glossary import scorers
from untrain.reports import formatting
from untrain.reports.fitting_table import FittingTable
from untrain.reports.headings import CONTROLS, FEWEST
from untrain.reports.repaired import is_mostly_wrong
from untrain.reports.tally import KINDS

SHOWN = ("forget_gap", "mia_loss_auc", "forget_accuracy", "retain_accuracy", "test_accuracy", "forget_true_accuracy")
INSTEAD = {"forget_accuracy": "forget_gap"}  # a score that a brief table leaves out where it has the other
OF_PRIVACY = ("mia_loss_auc",)  # scores that a brief table leaves out where wrong labels are repaired, as the page does
LEFT_OUT = "Intervals (95 %), and how many scores differ, are on the page; --verbose prints them here."


def fitting(document: dict[str, Any], width: int, verbose: bool = False) -> tuple[FittingTable, bool]:
    """The table of a run, and whether it is the brief one: where only that is a table on a terminal of this width."""
    whole = table_of(document)
    if verbose or whole.count(width) == 1:
        return whole, False
    brief = table_of(document, brief=True)
    return (whole, False) if brief.count(width) is None else (brief, True)


def table_of(document: dict[str, Any], brief: bool = False) -> FittingTable:
    """Methods down, those that cost as much as retraining below a line, scores across; oracles and floors in the last rows.

    Args:
        document: a run's scores.
        brief: leave out intervals, all of a verdict but its outcome, accuracies whose gap is shown, and attacks on a repair.
    """
    done = [r for r in document["results"] if r["error"] is None]
    names = [n for n in SHOWN if any(r["scores"].get(n, {}).get("value") is not None for r in done)]
    tested = dict.fromkeys(n for r in done for n in r["verdict"]["tested"])
    names += [n for n in tested if n not in names][: max(0, FEWEST - len(names))]
    if brief:
        out = OF_PRIVACY if is_mostly_wrong(document) else ()
        names = [n for n in names if INSTEAD.get(n) not in names and n not in out]
    labels = formatting.lettered([row["method"] for row in document["results"]])
    counts = (formatting.counted(document[f"{kind}s"], kind) for kind in ("seed", "oracle"))
    title = f"{document['scenario']}: {', '.join(counts)}"
    if document["setting"].get("budget") is not None:
        title += f", a budget of {100 * document['setting']['budget']:g} % of retraining"
    columns = ("method", "verdict", *(name.replace("_", " ") for name in names), "cost")
    table = FittingTable(title, columns, frozenset({"method", "verdict"}))
    dearer = document["break_even"]["methods"]
    for row in sorted(document["results"], key=lambda r: r["method"] in dearer):
        if dearer and row["method"] == dearer[0]:
            table.add_section()
            table.add(f"-- {document['break_even']['line']} --", dim=True)
        limit, name = formatting.limits(row), labels[row["method"]]
        if limit and row["method"] not in CONTROLS:
            name += f" [{limit}]"
        if row["error"] is not None:
            table.add(name, f"failed: {row['error']}")
            continue
        cells = [number(n, row["scores"][n]["value"]) if brief else _cell(n, row["scores"][n]) for n in names]
        cost = formatting.operations(share(row["cost"].get("share_of_retraining")), row["cost"], "share_of_retraining")
        table.add(name, outcome(row["verdict"]) if brief else _verdict(row["verdict"]), *cells, cost)
    table.add_section()
    if done:
        for label, key in (("oracles (ideal)", "ideal"), ("floor", "floor"), ("original (ceiling)", "ceiling")):
            values = [done[0]["scores"][n][key] for n in names]
            if any(value is not None for value in values):
                table.add(label, "", *map(number, names, values), "100 %" if key == "ideal" else "", dim=True)
    return table


def legend(document: dict[str, Any]) -> dict[str, str]:
    """Label -> spelling of the methods of a run, where the label leaves anything out."""
    labels = formatting.lettered([row["method"] for row in document["results"]])
    return {label: method for method, label in labels.items() if label != formatting.label(method)}


def outcome(verdict: Mapping[str, Any]) -> str:
    """The outcome on a method in a word.

    >>> outcome({"outcome": "fails: remembers"}), outcome({"outcome": "passes"})
    ('remembers', 'passes')
    """
    return KINDS.get(verdict["outcome"], str(verdict["outcome"]))


def _verdict(verdict: dict[str, Any]) -> str:
    """The verdict on a method in a few letters: its outcome, by how many scores, and how many examples are given away."""
    tested, counts = len(verdict["tested"]), verdict["counts"]
    apart, equal = (len(verdict[n]) for n in ("distinguishable", "indistinguishable"))
    differs, fails = verdict["says"] == "distinguishable", KINDS.get(verdict["outcome"])
    by = f"{apart}/{tested}" if differs else f"equal {equal}/{tested}"
    says = f"{fails} {by}" if fails and differs else f"{fails or verdict['outcome']}, {'differs ' if differs else ''}{by}"
    examples = counts["recognised"] + counts["standing_out"]
    return says + (f", {examples} ex." if examples else "")


def _cell(name: str, score: dict[str, Any]) -> str:
    if score["value"] is None:
        return "-"
    return f"{number(name, score['value'])} [{number(name, score['low'])}, {number(name, score['high'])}]"


def number(name: str, value: float | None) -> str:
    """A score in its unit: fractions as percent, their gaps in points, all else with three digits."""
    if value is None:
        return "-"
    return (
        f"{value:.3f}"
        if "auc" in name or _units().get(name, "fraction") != "fraction"
        else f"{100 * value:+.1f}"
        if "gap" in name
        else f"{100 * value:.1f}"
    )


@cache
def _units() -> dict[str, str]:
    """Unit of each score by its name."""
    return {name: about.unit for evaluator in scorers() for name, about in evaluator.scores.items()}


def share(value: float | None) -> str:
    """A share as whole percent."""
    return "-" if value is None else f"{100 * value:.0f} %"
