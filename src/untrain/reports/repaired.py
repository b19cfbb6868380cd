"""The conclusion on a repair: how far models get the examples with wrong labels right by their true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from untrain.evaluation.protocols.outcome_wording import listed
from untrain.reports import formatting
from untrain.reports.tally import NAMED, contenders

Document = Mapping[str, Any]
Row = Mapping[str, Any]
SCORE, GIVEN = "forget_true_accuracy", "forget_accuracy"


def repaired(document: Document) -> str:
    """The conclusion on the true labels of the forget set, in sentences; empty where no method has a score by them.

    Args:
        document: a run's scores.
    """
    rows = [row for row in contenders(document["results"]) if _score(row)]
    if not rows:
        return ""
    labels = formatting.lettered([row["method"] for row in document["results"]])
    kinds: dict[str, list[Row]] = {"back": [], "less": [], "open": []}
    for row in rows:
        kinds[_kind(_score(row))].append(row)
    told = {kind: _named(found, labels, len(rows)) for kind, found in kinds.items() if found}
    one = {kind: len(found) == 1 for kind, found in kinds.items()}
    none = "No method is shown to bring the true labels back"
    parts = [f"{told['back']} {'brings' if one['back'] else 'bring'} the true labels back" if "back" in told else none]
    parts += [f"{told['less']} {'brings' if one['less'] else 'bring'} back fewer"] if "less" in told else []
    parts += [f"{told['open']} {'is' if one['open'] else 'are'} undecided"] if "open" in told else []
    text = "; ".join(parts)
    return f"{text[:1].upper() + text[1:] if text.startswith('all ') else text}. {_yardstick(_score(rows[0]))}".strip()


def _yardstick(score: Mapping[str, Any]) -> str:
    """A sentence on what retrained models and untouched ones get right."""
    if score["ideal"] is None:
        return ""
    untouched = "" if score["ceiling"] is None else f", untouched ones {_percent(score['ceiling'])}"
    return f"By the true labels, retrained models get {_percent(score['ideal'])} of these examples right{untouched}."


def is_mostly_wrong(document: Document) -> bool:
    """Return whether retrained models find most labels of the forget set wrong, as where wrong labels are to be repaired."""
    scores: Mapping[str, Any] = next((row["scores"] for row in document["results"] if not row["error"]), {})
    given, true = (scores.get(name, {}).get("ideal") for name in (GIVEN, SCORE))
    return given is not None and true is not None and bool(given < min(true, 0.5))


def _score(row: Row) -> Any:
    """Accuracy by the true labels, where a method has a value."""
    score = None if row["error"] else row["scores"].get(SCORE)
    return score if score and score["value"] is not None else None


def _kind(score: Mapping[str, Any]) -> str:
    """'back' where the test leaves no more room below retraining than its margin, 'less' where it is shown to lie below."""
    verdict = score["verdict"]
    if verdict is None:
        return "open"
    if verdict["says"] == "distinguishable" and verdict["difference"] < 0:
        return "less"
    is_shown = verdict["says"] == "indistinguishable" or (verdict["low"] is not None and verdict["low"] >= -verdict["margin"])
    return "back" if is_shown else "open"


def _named(rows: Sequence[Row], labels: Mapping[str, str], among: int) -> str:
    """Methods with what they get right, the best first; where they are many, how many and from where to where."""
    values = sorted(((_score(row)["value"], labels[row["method"]]) for row in rows), key=lambda each: -each[0])
    if len(rows) <= NAMED:
        return listed([f"{name} ({_percent(value)})" for value, name in values])
    (most, best), (least, worst) = values[0], values[-1]
    who = f"all {among} methods" if len(rows) == among else f"{len(rows)} methods"
    return f"{who} ({worst} {_percent(least)} to {best} {_percent(most)})"


def _percent(value: float) -> str:
    return formatting.quantity(value, "fraction")
