"""Numbers and sentences, as a reader meets them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from untrain.pages.words import CONTROLS, LEAD

Row = Mapping[str, Any]
PERCENT = "\N{NO-BREAK SPACE}%"


def label(method: str) -> str:
    """A method's spelling without empty brackets."""
    return method.replace("()", "")


def short(method: str) -> str:
    """A method's spelling without any values."""
    while (inner := re.sub(r"\([^()]*\)", "", method)) != method:
        method = inner
    return method


def digits(number: float | None, places: int = 1) -> str:
    """A decimal with a true minus sign, and none before a zero."""
    if number is None:
        return "–"
    text = f"{number:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def significant(number: float | None) -> str:
    """A size in three significant digits."""
    return "–" if number is None else f"{number:.3g}".replace("-", "−")


def quantity(number: float | None, unit: str, gap: bool = False) -> str:
    """A score in its unit: fractions as percent, gaps of fractions in points, nats and probabilities with three digits."""
    if number is None:
        return "–"
    if unit == "fraction":
        return digits(100 * number) + ("" if gap else PERCENT)
    return digits(number, 3)


def share(number: float | None) -> str:
    """A share as percent with two or three digits."""
    if number is None:
        return "–"
    percent = 100 * number
    if 0 < percent < 0.05:
        return f"< 0.1{PERCENT}"
    return digits(percent, 0 if percent == 0 or percent >= 10 else 1) + PERCENT


def interval(score: Mapping[str, Any], unit: str, gap: bool = False) -> str:
    """The 95 % interval of a score, or nothing where there is none."""
    if score["low"] is None or score["high"] is None:
        return ""
    low, high = (quantity(score[end], unit, gap).removesuffix(PERCENT) for end in ("low", "high"))
    return f"{low} to {high}"


def kind_of(row: Row) -> str:
    """What a method does to the network, in words."""
    if row["method"] in CONTROLS:
        return "control"
    if row.get("guard", {}).get("moved_share", 0.0) is None:
        return "made elsewhere"
    return "part of the network" if row["layers"] else "whole network"


def lead(rows: list[Row]) -> Row | None:
    """The method that a report opens with, chosen by name and kind and never by its scores.

    The first ``DEL`` where one was run; else the first confined to part of the network; else the first that is no control.
    """
    done = [r for r in rows if not r["error"]]
    tiers = (
        [r for r in done if short(r["method"]) == LEAD],
        [r for r in done if kind_of(r) == "part of the network"],
        [r for r in done if kind_of(r) == "whole network"],
        done,
    )
    return next((tier[0] for tier in tiers if tier), None)


def opening(document: Mapping[str, Any], repair: bool = False) -> list[str]:
    """The sentences that a report opens with: gap, interval, number of seeds, and what follows from them.

    Methods are named without their values: a spelling would be broken wherever a line ends.

    Args:
        document: a run's scores.
        repair: whether wrong labels are to be forgotten.
    """
    row = lead(document["results"])
    if row is None:
        return ["No method produced a model that could be scored; the table says why."]
    score = row["scores"].get("forget_gap")
    if score is None or score["value"] is None:
        return [f"{short(row['method'])} has no forget gap: {score['reason'] if score else 'it was not asked for'}."]
    noisy = "forget_true_accuracy" in row["scores"]
    on = ", on the labels as given," if noisy else ""
    size, name = document["sizes"]["forget"], short(row["method"])
    first = (
        f"On the {size:,} {plural(size, 'example')} to forget, the accuracy of retraining minus that of {name}{on} is "
        f"{points(score)} over {counted(document['seeds'], 'seed')} against "
        f"{counted(document['oracles'], 'retrained model')}; {left_alone(document, score)}."
    )
    if repair and noisy:
        return [first, meaning(score, name, "answers {} of these examples as their wrong labels say"), corrected(row, name)]
    as_told = "as the labels given say" if noisy else "rightly"
    return [first, meaning(score, name, f"answers {{}} of these examples {as_told}")]


def points(score: Mapping[str, Any]) -> str:
    """A gap in percentage points with its interval."""
    value = f"{digits(100 * score['value'])} percentage points"
    return (
        f"{value} (95\N{NO-BREAK SPACE}% interval {interval(score, 'fraction', gap=True)})" if score["low"] is not None else value
    )


def left_alone(document: Mapping[str, Any], score: Mapping[str, Any]) -> str:
    """The gap of the model that nothing was done to."""
    rows = [r for r in document["results"] if label(r["method"]) == "Nothing" and not r["error"]]
    value = rows[0]["scores"]["forget_gap"]["value"] if rows else score["ceiling"]
    return "leaving the model alone was not measured" if value is None else f"leaving the model alone gives {digits(100 * value)}"


def meaning(score: Mapping[str, Any], name: str, says: str) -> str:
    """What an interval does and does not show; ``says`` is told of the method, with more or fewer in its gap."""
    if score["low"] is None:
        return "There is no interval, so nothing can be said about how sure this is."
    if score["low"] == score["high"]:
        return "All resamples gave the same value, so the interval has no width; that is no certainty."
    if score["low"] <= 0 <= score["high"]:
        return (
            f"The interval contains 0: on this score the run does not tell {name} from retraining, "
            "which does not show that they are the same."
        )
    return f"The interval leaves out 0: {name} {says.format('fewer' if score['value'] > 0 else 'more')} than retraining does."


def corrected(row: Row, name: str) -> str:
    """How often the forget examples are answered as their true labels say."""
    score = row["scores"]["forget_true_accuracy"]
    value, ideal, ceiling = (quantity(score[n], "fraction") for n in ("value", "ideal", "ceiling"))
    return (
        f"{name} answers {value} of them (95\N{NO-BREAK SPACE}% interval {interval(score, 'fraction')}) as their true labels say; "
        f"retraining {ideal}, the original model {ceiling}."
    )


def plural(count: int, noun: str) -> str:
    """The noun in the number that the count asks for."""
    return noun if count == 1 else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """A count and its noun."""
    return f"{count:,} {plural(count, noun)}"
