"""Verdicts of tests as a reader meets them: marks, words and sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from untrain.evaluation.base import ScoreInfo
from untrain.evaluation.scoring import verdict_wording as wording
from untrain.reports import formatting
from untrain.reports.headings import named

Document = Mapping[str, Any]
Row = Mapping[str, Any]

# The mark of what a cell says, and what is read aloud in its place.
MARKS = {
    "passes": "✓",
    "fails": "✗",
    "open": "?",
    "within": "✓",
    "beyond": "✗",
    "indistinguishable": "=",
    "distinguishable": "≠",
    "too few models": "…",
    "outside": "†",
}
SPOKEN = {"outside": "outside the band", "within": "within the margin", "beyond": "outside the margin"}
BLIND = "blind: it does not tell the originals either"


def detail(row: Row, name: str = "") -> str:
    """Findings of all tests on a method, by that name or its own without values; scores are called by their headings."""
    verdicts = {name: score["verdict"] for name, score in row["scores"].items() if score["verdict"]}
    return wording.sentence(row["verdict"], verdicts, name or formatting.short(row["method"]), named)


def sentence(row: Row, label: str) -> str:
    """The outcome on a method in a sentence, which begins with its label where it began with its name."""
    told = str(row["verdict"]["sentence"])
    names = formatting.short(row["method"]), formatting.label(row["method"])
    return next((label + told.removeprefix(name) for name in names if told.startswith(f"{name}:")), told)


def outcome(row: Row) -> tuple[str, str]:
    """The outcome on a method: 'passes', 'fails' or 'open', and in what way it fails."""
    says, _, kind = row["verdict"]["outcome"].partition(": ")
    return says, kind


def reason(row: Row) -> str:
    """The evidence behind an outcome, in a sentence that names no method."""
    told = re.sub(r" \(\d+ retrained models[^)]*\)$", "", str(row["verdict"]["because"]))  # which stand below the first sentence
    told = told.replace(" %", formatting.PERCENT)
    return formatting.sentence(f"{told[:1].upper()}{told[1:]}") if told else outcome(row)[1]


def powerless(row: Row) -> str:
    """A warning where the test tells not even the original models from retrained ones; else empty."""
    tested = [score["verdict"] for score in row["scores"].values() if score["verdict"]]
    if not tested or not all(verdict["blind"] for verdict in tested):
        return ""
    return (
        "The test of all scores cannot tell even the original models, which forgot nothing, from retrained ones: an open outcome "
        "says little; a failure stands."
    )


def why(verdict: Mapping[str, Any] | None) -> str:
    """The meaning of the difference, or what it would take to decide."""
    if verdict is None:
        return ""
    blind = BLIND if verdict["blind"] and verdict["says"] != "distinguishable" else ""
    return "; ".join(part for part in (verdict["why"], blind) if part)


def short(row: Row) -> tuple[str, str]:
    """The verdict on a method for a cell: its outcome; and in what way it fails, and what the tests of all scores say."""
    verdict = row["verdict"]
    says, kind = outcome(row)
    tested, counts = len(verdict["tested"]), verdict["counts"]
    apart, equal = (len(verdict[n]) for n in ("distinguishable", "indistinguishable"))
    by = {
        "distinguishable": f"differs by {apart} of {tested} scores",
        "indistinguishable": f"equal by all {tested} scores",
        "too few models": f"equal by {equal} of {tested} scores",
    }
    parts = [by[verdict["says"]] if tested else "no score tested"]
    parts += [f"{counts['recognised']:,} recognised"] if counts["recognised"] else []
    parts += [f"{counts['standing_out']:,} stand out"] if counts["standing_out"] else []
    return says, "; ".join([*([kind] if kind else []), ", ".join(parts)])


def looked_for(row: Row) -> dict[str, str]:
    """Sentences on single forget examples, by kind: those recognised and those that stand out."""
    verdict = row["verdict"]
    counts, chance = verdict["counts"], verdict["chance"]
    if chance is None:
        return {"none": "Single examples were not tested: it takes at least 3 retrained models, not all alike, and a forget set."}
    risk = f"at most {100 * chance:.2g}{formatting.PERCENT} of retrained models would show any"
    if not counts["recognised"] and not counts["standing_out"]:
        return {
            "none": f"None of the {counts['forget']:,} forget examples stands out from what chance shows among retrained models. "
            "That does not show that none can be recognised: more models, or a stronger attack, may still do so."
        }
    sentences = {}
    if counts["recognised"]:
        sentences["recognised"] = (
            f"{counts['recognised']:,} of the {counts['forget']:,} forget examples can be recognised: the models know them "
            f"better than retrained models do ({risk})."
        )
    if counts["standing_out"]:
        sentences["standing_out"] = (
            f"{counts['standing_out']:,} of the {counts['forget']:,} forget examples stand out by over-forgetting: the models know "
            f"them less well than retrained models do ({risk})."
        )
    return sentences


def evidence(verdict: Mapping[str, Any] | None, about: ScoreInfo) -> dict[str, str]:
    """Difference, interval, margin and p of a test, in the score's unit."""
    if verdict is None:
        return dict.fromkeys(("difference", "interval", "margin", "p"), "")
    return {
        "difference": formatting.quantity(verdict["difference"], about.unit, gap=True),
        "interval": tested_interval(verdict, about.unit),
        "margin": f"±{formatting.quantity(verdict['margin'], about.unit, gap=True)}",
        "p": formatting.probability(verdict["p"]),
    }


def tested_interval(verdict: Mapping[str, Any], unit: str) -> str:
    """The interval of a test's difference; an end at 0 is left out where models differ.

    >>> tested_interval({"says": "distinguishable", "low": 0.0, "high": 0.479}, "fraction")
    '> 0 to 47.9'
    """
    text = formatting.interval(verdict, unit, gap=True)
    if verdict["says"] != "distinguishable" or not text:
        return text
    low, _, high = text.partition(" to ")
    return f"{'> 0' if verdict['low'] == 0 else low} to {'< 0' if verdict['high'] == 0 else high}"


def gap_points(score: Mapping[str, Any]) -> str:
    """A gap in percentage points with the interval of its test, where it has one: a gap is that of its score turned round.

    >>> verdict = {"says": "too few models", "low": -0.03, "high": 0.01}
    >>> gap_points({"value": 0.01, "low": -0.1, "high": 0.1, "verdict": verdict}).replace("\N{NO-BREAK SPACE}", " ")
    '1.0 percentage points (95 % interval −1.0 to 3.0)'
    """
    verdict = score["verdict"]
    if not verdict or verdict.get("low") is None or verdict.get("high") is None:
        return formatting.points(score)
    turned = {"says": verdict["says"], "low": -verdict["high"], "high": -verdict["low"]}
    reach = f"(95\N{NO-BREAK SPACE}% interval {tested_interval(turned, 'fraction')})"
    return f"{formatting.digits(100 * score['value'])} percentage points {reach}"


def of_gap(score: Mapping[str, Any], name: str, fails: bool = False) -> str:
    """A sentence on the test of the forget gap, to follow its interval; one score does not overrule others that fail."""
    verdict = score["verdict"]
    alone = "so this score does not show what other evidence does" if fails else f"by it {name} passes for retraining"
    within = f"within the margin of {formatting.quantity(verdict['margin'], 'fraction', gap=True)} points"
    says = {
        "indistinguishable": f"lies {within}{',' if fails else ':'} {alone}",
        "distinguishable": "is more than chance",
        "too few models": f"is undecided: it is shown neither to differ from 0 nor to lie {within}",
    }
    return f"By the test of all scores together, on these examples alone, the gap {says[verdict['says']]}."
