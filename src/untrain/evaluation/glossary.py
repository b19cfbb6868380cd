"""The glossary: an entry on each score."""

from __future__ import annotations

import math
from collections.abc import Iterable

from untrain.core import discovery
from untrain.evaluation.base import Evaluator, ScoreInfo
from untrain.evaluation.scoring.resampling import aims_at_zero


def entry(about: ScoreInfo, source: str) -> dict[str, str]:
    """Make the glossary's entry on a score: title -> words, without titles that have none.

    Args:
        about: the facts that its evaluator declares.
        source: source of its evaluator.
    """
    kind = "mean size" if aims_at_zero(about) else "mean"
    words_of = {
        "means": about.means, "unit": about.unit, "range": reach(about), "ideal": about.ideal,
        "floor": f"{kind} between disjoint groups of oracles", "margin": margin(about),
        "above": about.above, "below": about.below, "weak": about.weak, "source": source,
    }  # fmt: skip
    return {title: words for title, words in words_of.items() if words}


def reach(about: ScoreInfo) -> str:
    """Least and greatest value of a score, in words."""
    low, high = (None if math.isinf(end) else f"{end:g}" for end in (about.low, about.high))
    if low is None:
        return "any number" if high is None else f"{high} or less"
    return f"{low} or more" if high is None else f"{low} to {high}"


def margin(about: ScoreInfo) -> str:
    """Difference to retraining up to which models count as equal, or the reason why there is none."""
    if about.verdict_of:
        return f"its verdict is that of {about.verdict_of}"
    return "not tested by itself" if about.margin is None else f"{about.margin:g} either way, in its unit"


def evaluators() -> list[Evaluator]:
    """Make one of each evaluator, with its defaults."""
    return [discovery.load(place.name)() for place in discovery.of_role("evaluator")]


def scorers() -> list[Evaluator]:
    """Make one of each evaluator and of each observer: all that the glossary covers."""
    return evaluators() + [discovery.load(place.name)() for place in discovery.of_role("observer")]


def abouts(chosen: Iterable[Evaluator]) -> dict[str, ScoreInfo]:
    """Collect the glossary of some evaluators: score name -> its facts."""
    return {name: about for e in chosen for name, about in e.scores.items()}
