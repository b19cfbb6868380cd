"""The winner, in one sentence of at most thirty words: the page begins with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from untrain.evaluation.protocols.outcome import DAMAGED, HIDES, OPEN, PASSES, REMEMBERS
from untrain.evaluation.protocols.outcome_wording import listed
from untrain.reports import formatting

Row = Mapping[str, Any]
MOST = 30  # words of the sentence
NAMED = 3  # methods of one outcome that are named; more are counted
LOST = "did not run"
KINDS = {REMEMBERS: "remembers", HIDES: "hides", DAMAGED: "damaged"}
_VERBS = {  # of one method, and of several
    PASSES: ("passes", "pass"),
    REMEMBERS: ("fails (still knows the forget set)", "fail (still know the forget set)"),
    HIDES: ("fails (hides it)", "fail (hide it)"),
    DAMAGED: ("fails (damaged)", "fail (damaged)"),
    OPEN: ("is open", "are open"),
    LOST: (LOST, LOST),
}
# What is counted first where not all names fit.
_FOLDED = (OPEN, LOST, DAMAGED, HIDES, REMEMBERS, PASSES)
NOTHING = "No method produced a model that could be scored; the table says why."


def tally(document: Mapping[str, Any]) -> str:
    """The outcome on all methods in at most thirty words: names where they fit, counts where they do not.

    Controls are left out where other methods ran.

    Args:
        document: a run's scores.
    """
    labels = formatting.lettered([row["method"] for row in document["results"]])
    groups: dict[str, list[str]] = {outcome: [] for outcome in _VERBS}
    for row in contenders(document["results"]):
        groups[LOST if row["error"] else row["verdict"]["outcome"]].append(labels[row["method"]])
    return sentence(groups)


def advice(document: Mapping[str, Any]) -> str:
    """What to do, in a sentence: the cheapest method that passes, or to retrain.

    Args:
        document: a run's scores.
    """
    labels = formatting.lettered([row["method"] for row in document["results"]])
    rows = [row for row in document["results"] if not row["error"] and not formatting.is_control(row)]
    if not rows:
        return ""
    shares = {row["method"]: row["cost"].get("share_of_retraining") for row in rows}
    passing = [row["method"] for row in rows if row["verdict"]["outcome"] == PASSES]
    priced = sorted((share, method) for method in passing if (share := shares[method]) is not None)
    if priced and priced[0][0] < 1:
        share, best = priced[0]
        return f"The cheapest that passes: {labels[best]}, at {formatting.share(share)} of the cost of retraining."
    if priced:
        return "Retrain: what passes costs as much as retraining or more."
    if passing:
        return f"{listed([labels[method] for method in passing])} can be used in place of retraining; what they cost is not known."
    undecided = [labels[row["method"]] for row in rows if row["verdict"]["outcome"] == OPEN]
    if undecided:
        which = listed(undecided) if len(undecided) <= NAMED else f"{len(undecided)} methods"
        verb = "is" if len(undecided) == 1 else "are"
        return f"Retrain, or test more: nothing cheaper is shown to pass, and {which} {verb} undecided."
    return "Retrain: nothing cheaper passes."


def contenders(rows: Sequence[Row]) -> list[Row]:
    """The rows of methods that are not controls, or all where there are no others."""
    return [row for row in rows if not formatting.is_control(row)] or list(rows)


def sentence(groups: Mapping[str, Sequence[str]]) -> str:
    """The outcomes of some methods in a sentence.

    >>> sentence({"passes": ["DEL (b)", "SalUn"], "fails: remembers": ["Finetune"], "open": ["A", "B", "C", "D"]})
    'Of 7 methods, DEL (b) and SalUn pass; Finetune fails (still knows the forget set); 4 are open.'

    Args:
        groups: outcome -> labels of the methods that have it.
    """
    there = {outcome: groups[outcome] for outcome in _VERBS if groups.get(outcome)}
    count = sum(map(len, there.values()))
    if len(there.get(LOST, ())) == count:
        return NOTHING
    if count == 1:
        ((outcome, (name,)),) = there.items()
        return _fitting([f"{name} {_VERBS[outcome][0]}.", f"The method {_VERBS[outcome][0]}."])
    counted = {outcome for outcome, names in there.items() if len(names) > NAMED}
    folded = [counted.union(_FOLDED[:at]) for at in range(len(_FOLDED) + 1)]
    return _fitting([_composed(there, count, those) for those in folded])


def _fitting(wordings: Sequence[str]) -> str:
    """The first that is short enough; the last is always."""
    return next((text for text in wordings if len(text.split()) <= MOST), wordings[-1])


def _composed(there: Mapping[str, Sequence[str]], count: int, counted: set[str]) -> str:
    parts = [_part(outcome, names, outcome in counted) for outcome, names in there.items()]
    return f"Of {count} methods, {'; '.join(parts if PASSES in there else ['none passes', *parts])}."


def _part(outcome: str, names: Sequence[str], counted: bool) -> str:
    one, several = _VERBS[outcome]
    return f"{len(names) if counted else listed(names)} {one if len(names) == 1 else several}"
