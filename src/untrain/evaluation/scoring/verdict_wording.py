"""The verdict on a method in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_NAMED = 2
_OVER, _REMEMBERS = "over-forgets", "remembers"
_SUREST, _LEAST_SURE = "example_max", "example_min"  # scores of single forget examples
METHOD = "the method"


def sentence(verdict: Mapping[str, Any], scores: Mapping[str, Any], name: str = METHOD, heading: Callable[[str], str] = str) -> str:
    """The verdict on a method in a few sentences; what can still be recognised of single examples comes first.

    Args:
        verdict: as ``audit`` gives it; of it 'distinguishable', 'indistinguishable', 'tested', 'counts' and 'chance' are read.
        scores: score name -> its verdict, with 'why', 'low' and 'difference'.
        name: of the method, which stays as it is written where a sentence begins with it.
        heading: score name -> what to call it.
    """
    tested, apart, equal = (verdict[n] for n in ("tested", "distinguishable", "indistinguishable"))
    parts = _on_examples(verdict, name)
    if not tested:
        parts.append(f"no score of {name} could be tested.")
    elif apart:
        named = ", ".join(f"{heading(n)} ({scores[n]['why']})" for n in apart[:_NAMED])
        more = f", and {len(apart) - _NAMED} more" if len(apart) > _NAMED else ""
        parts.append(f"{name} is distinguishable from retraining by {len(apart)} of {len(tested)} tested scores: {named}{more}.")
    elif len(equal) == len(tested):
        parts.append(f"{name} is indistinguishable from retraining on all {len(tested)} tested scores, within their margins.")
    else:
        few = next((scores[n]["why"] for n in tested if scores[n]["low"] is None), "")
        rest = f"; on the other {len(equal)} it is indistinguishable within their margins" if equal else f" ({few})" if few else ""
        short = len(tested) - len(equal)
        parts.append(
            f"there are too few models to tell {name} from retraining, or to call it equal, on {short} of {len(tested)} tested "
            f"scores{rest}."
        )
    if verdict.get("models") == 1 and (apart or (tested and len(equal) == len(tested))):
        parts.append("this is said of one model, and not of others that the method would make.")
    parts += _both_ways(verdict, scores, name, heading)
    if over_forgets(verdict, scores):
        parts.append(
            f"{name} over-forgets, which is a failure (the Streisand effect): examples on which it does worse than retrained "
            "models give themselves away."
        )
        if harmed(verdict, scores):
            parts.append("it does worse on test examples as well, so at least part of this is damage to the whole model.")
    return " ".join(p if p.startswith(f"{name} ") and name != METHOD else p[:1].upper() + p[1:] for p in parts)


def _both_ways(verdict: Mapping[str, Any], scores: Mapping[str, Any], name: str, heading: Callable[[str], str]) -> list[str]:
    """A sentence where some of what is tested says that too much was forgotten, and some that too little.

    Of different examples it speaks where single ones show both: means over the forget set may go either way on the same examples.
    """
    ways = {way: [n for n in verdict["distinguishable"] if scores[n]["why"].startswith(way)] for way in (_REMEMBERS, _OVER)}
    counts = verdict["counts"]
    singly = (counts["recognised"] or _SUREST in ways[_REMEMBERS]) and (counts["standing_out"] or _LEAST_SURE in ways[_OVER])
    if singly:
        return [f"{name} does both: some of the forget examples it remembers, others it over-forgets."]
    if not all(ways.values()):
        return []
    by = {way: heading(names[0]) for way, names in ways.items()}
    return [
        f"scores point both ways: by {by[_REMEMBERS]} it remembers, by {by[_OVER]} it over-forgets; "
        "that need not be different examples."
    ]


def over_forgets(verdict: Mapping[str, Any], scores: Mapping[str, Any]) -> bool:
    """Return whether the protocol, or before it rules any score, says that more was forgotten than retraining forgets."""
    if "forgetting" in verdict:
        return bool(verdict["forgetting"] == _OVER)
    return any(scores[n]["why"].startswith(_OVER) for n in verdict["distinguishable"])


def harmed(verdict: Mapping[str, Any], scores: Mapping[str, Any]) -> bool:
    """Return whether accuracy on test examples is worse than after retraining."""
    return "test_accuracy" in verdict["distinguishable"] and scores["test_accuracy"]["difference"] < 0


def _on_examples(verdict: Mapping[str, Any], name: str) -> list[str]:
    """Sentences on single examples that can still be recognised."""
    counts = verdict["counts"]
    return [
        f"{counts[kind]:,} of {counts['forget']:,} forget examples can still be recognised in the outputs of {name}: "
        f"it knows them {how} than retrained models do "
        f"(at most {100 * verdict['chance']:.2g} % of retrained models would show this)."
        for kind, how in (("recognised", "better"), ("standing_out", "less well"))
        if counts[kind]
    ]
