"""The winner, in one sentence of at most thirty words: the page begins with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from untrain.evaluation.protocols.outcome import DAMAGED, HIDES, OPEN, PASSES, REMEMBERS
from untrain.evaluation.protocols.outcome_wording import listed
from untrain.reports import formatting, standing, verdict_marks

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
    """Advice in a sentence: the cheapest method that passes, or to retrain.

    Args:
        document: a run's scores.
    """
    labels = formatting.lettered([row["method"] for row in document["results"]])
    rows = [row for row in document["results"] if not row["error"] and not formatting.is_control(row)]
    if not rows:
        return ""
    best, passing = standing.cheapest_passing(rows), [row for row in rows if row["verdict"]["outcome"] == PASSES]
    if best and (share := standing.share_of(best) or 0.0) < 1:
        return f"The cheapest that passes: {labels[best['method']]}, at {formatting.share(share)} of the cost of retraining."
    if best:
        return "Retrain: what passes costs as much as retraining or more."
    if passing:
        return f"{listed([labels[row['method']] for row in passing])} can be used instead of retraining; their cost is not known."
    if any(row["verdict"]["outcome"] == OPEN for row in rows):
        return "Retrain, or test more: nothing cheaper is shown to pass."
    return "Retrain: nothing cheaper passes."


def least_bad(document: Mapping[str, Any]) -> str:
    """A sentence on the least bad of the methods that cost less than retraining; empty where one of them passes.

    Args:
        document: a run's scores.
    """
    best = standing.least_bad(document["results"])
    away = None if best is None else standing.farthest(best)
    if best is None or away is None:
        return ""
    label = formatting.lettered([row["method"] for row in document["results"]])[best["method"]]
    outcome, cost = str(best["verdict"]["outcome"]), formatting.share(standing.share_of(best))
    says = f"{outcome}, so not shown to fail" if outcome == OPEN else outcome.partition(":")[0]
    found = f"The least bad of what costs less than retraining, by distance, is {label} ({says}, {cost} of the cost)"
    reason = verdict_marks.reason(best) if outcome != OPEN and best["verdict"]["because"] else ""
    return f"{found}: an estimated {away.words}. {reason}".strip()


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
