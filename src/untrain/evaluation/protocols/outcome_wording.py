"""The outcome of a protocol in words, the same on the page, in the terminal and in JSON: at most thirty."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from untrain.evaluation.base import Verdict
from untrain.evaluation.protocols.margin_test import Judged
from untrain.evaluation.protocols.protocol import Margin

NAMES = {
    "attack": "the attack",
    "forget": "loss on the forget set",
    "example": "the farthest forget example",
    "test": "test accuracy",
    "retain": "retain accuracy",
}
UNFAIR = "originals and retrained models differ on the retain set, so retraining is no fair yardstick"
BLIND = "the untouched originals would pass too: within these margins the request leaves no trace"
MOST_GAIN = 0.5  # over guessing, of an attack that is always right
_WAYS = {"remembers": "remembers", "over-forgets": "over-forgets", "loses utility": "broke", "does not learn": "broke"}


def sentence(name: str, outcome: str, because: str, close: str) -> str:
    """The outcome on a method of some name.

    >>> sentence("DEL", "open", "test accuracy is undecided", "20 retrained models")
    'DEL: open. Test accuracy is undecided; to close it: 20 retrained models.'
    """
    rest = f"{because}; to close it: {close}" if close else because
    return f"{name}: {outcome}. {rest[:1].upper()}{rest[1:]}."


def within(judged: Sequence[Judged], oracles: int, passes: float | None) -> str:
    """What a method that passes was shown to keep."""
    by_name = {j.name: j for j in judged}
    parts = []
    if "attack" in by_name:
        parts.append(f"no stated attack gains over {points(min(MOST_GAIN, by_name['attack'].bound or 0.0))}")
    if "test" in by_name:
        parts.append(f"{what(by_name['test'])} is within {amount(by_name['test'])} of retraining's")
    if not parts:
        parts = [f"{what(judged[0])} is within {amount(judged[0])} of retraining's"]
    times = 0 if passes is None else min(9, round(10 * passes))
    power = "" if passes is None else f"; would pass a perfect one {times} time{'' if times == 1 else 's'} in 10"
    return f"{', '.join(parts)} ({oracles} retrained models{power})"


def undecided(missing: Sequence[Judged]) -> str:
    """Which endpoints are neither within nor outside."""
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{what(missing[0])}{more} may be beyond the margin"


def untested(names: Sequence[str]) -> str:
    """Which endpoints could not be tested."""
    return f"{' and '.join(NAMES[name] for name in names)} could not be tested"


def outside(judged: Judged) -> str:
    """An endpoint that is shown to be outside."""
    if judged.name == "attack":
        return f"an attack gains {points(abs(judged.difference))} over guessing"
    how = "below" if judged.difference < 0 else "above"
    if judged.name == "example":
        return f"a forget example lies {abs(judged.difference):.1f} standard errors farther out than retrained models' do"
    return f"{what(judged)} is {amount(judged, judged.difference)} {how} retraining's"


def counted(counts: Mapping[str, Any], kind: str) -> str:
    """Single examples that are given away."""
    how = "known better" if kind == "recognised" else "known less well"
    return f"{counts[kind]:,} of {counts['forget']:,} forget examples are {how} than by retrained models"


def of_score(name: str, verdict: Verdict) -> str:
    """A score that is distinguishable."""
    return f"{name.replace('_', ' ')} differs from retraining's (p = {verdict.p:.2g})"


def strongest(texts: Sequence[str]) -> str:
    """The strongest evidence, and the next where it is of another kind."""
    return " and ".join(texts[:1] if "examples" in texts[0] and len(texts) > 1 and "examples" not in texts[1] else texts[:2])


def alone(judged: Judged, models: int) -> str:
    """Models that lie alone."""
    which = ", ".join(str(i + 1) for i in judged.apart)
    return f"{len(judged.apart)} of {models} models lies alone by {what(judged)} (number {which})"


def vacuous(judged: Judged) -> str:
    """A margin that no model could miss, as where few examples make retrained models differ by as much as there is."""
    return (
        f"{what(judged)} cannot be beyond its margin of {points(judged.margin)}: on so few examples retrained models spread as much"
    )


def more_models(models: int, oracles: int) -> str:
    """So many models."""
    ours = f"{models} unlearned and " if models > 1 else ""
    return f"{ours}{oracles} retrained models"


def what(judged: Judged) -> str:
    """The endpoint in a sentence."""
    if judged.unit == "nats" and judged.name != "forget":
        return f"{judged.name} loss"
    return NAMES[judged.name]


def amount(judged: Judged, value: float | None = None) -> str:
    """A difference in the words of its unit: points of accuracy, or per cent of a loss."""
    size = abs(judged.bound or 0.0) if value is None else abs(value)
    if judged.unit == "nats":
        return f"{math.ceil(100 * math.expm1(size) - 1e-9)} %"
    return points(size)


def points(size: float | None) -> str:
    """A share in points, rounded away from 0 so that no bound is understated.

    >>> points(0.0112), points(0.01)
    ('1.2 points', '1 point')
    """
    number = math.ceil(1000 * abs(size or 0.0) - 1e-6) / 10
    text = f"{number:.0f}" if number == round(number) or number >= 10 else f"{number:.1f}"
    return f"{text} point{'' if text == '1' else 's'}"


def margin(name: str, given: Margin, spreads: float) -> str:
    """A margin as a reader meets it: the larger of two distances."""
    parts = [f"{spreads:g} spreads of retrained models"] if spreads else []
    if given.absolute:
        parts.append(f"{100 * math.expm1(given.absolute):.0f} %" if name == "forget" else points(given.absolute))
    return " or ".join(parts)


def harm_of(name: str, verdict: Verdict) -> str:
    """What a distinguishable score says: 'remembers', 'over-forgets' or 'broke'; empty where it has no direction."""
    for start, harm in _WAYS.items():
        if verdict.why.startswith(start):
            return harm
    return "broke" if name.endswith(("_test", "_retain")) else ""


def is_gain(name: str, verdict: Verdict) -> bool:
    """Return whether a score differs for the better: accuracy on examples that are not to be forgotten."""
    return name in {"test_accuracy", "retain_accuracy", "retain_true_accuracy"} and verdict.difference > 0
