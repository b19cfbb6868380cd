"""The outcome of a protocol in words, the same on the page, in the terminal and in JSON: at most thirty, a name for one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from untrain.evaluation.base import Verdict
from untrain.evaluation.protocols.margin_test import Judged
from untrain.evaluation.protocols.power import Power
from untrain.evaluation.scoring.design import models_in_words

NAMES = {
    "attack": "the attack",
    "distance": "the attack by distance",
    "forget": "loss on the forget set",
    "example": "the farthest forget example",
    "test": "test accuracy",
    "retain": "retain accuracy",
}
UNFAIR = "originals and retrained models differ on the retain set, so retraining is not a fair yardstick"
BLIND = "the untouched originals would pass too: within these margins the request leaves no trace"
LOOK = "a closer look, or more models"
MORE_EXAMPLES = "more examples, since retrained models do not differ"
NO_ORIGINALS = (
    "no originals were given: so nothing checks whether they would pass too, or whether retrained models are a fair yardstick"
)
NOTHING = "no endpoint of the forget set has a value"
HIDDEN = "hides: "  # how the words of a score begin that sees what comes back
_WAYS = {
    "remembers": "remembers",
    "hides": "hides",
    "over-forgets": "over-forgets",
    "loses utility": "broke",
    "does not learn": "broke",
}
_ROOM = 23  # words of evidence that fit behind what a method does
_NUMBERS = 3  # of models that are named one by one
_TIMES = 10.0  # a loss that is so many times retraining's is no longer told in per cent


def sentence(name: str, outcome: str, because: str, close: str) -> str:
    """The outcome on a method of some name.

    >>> sentence("NPO", "fails: hides the forget set", "it relearns faster than retrained models (p = 0.010)", "")
    'NPO: fails. It hides the forget set: it relearns faster than retrained models (p = 0.010).'

    >>> sentence("DEL", "fails: remembers", "an attack gains 12 points over guessing", "")
    'DEL: fails. It remembers: an attack gains 12 points over guessing.'
    >>> sentence("DEL", "open", "test accuracy may lie beyond its margin", "20 retrained models")
    'DEL: open. Test accuracy may lie beyond its margin. To close it: 20 retrained models.'
    """
    says, _, harm = outcome.partition(": ")
    because = f"It {harm}: {because}" if harm else f"{because[:1].upper()}{because[1:]}"
    return f"{name}: {says}. {because}." + (f" To close it: {close}." if close else "")


def within(judged: Sequence[Judged], oracles: int, passes: float | None, alike: bool = False) -> str:
    """The findings on a method that passes; ``alike`` where all retrained models are one."""
    by_name = {j.name: j for j in judged}
    if attacks := [by_name[name] for name in ("attack", "distance") if name in by_name]:
        by_name["attack"] = max(attacks, key=lambda j: j.bound or 0.0)  # what the better one does not exceed, none does
    first = [by_name[name] for name in ("attack", "test") if name in by_name] or list(judged[:1])
    power = "" if passes is None else f"; perfect unlearning {_in_ten(passes)}"
    return f"{'; '.join(map(_kept, first))} ({oracles} retrained models{', all alike' if alike else power})"


def _kept(judged: Judged) -> str:
    """The most that an endpoint may be away, as was shown."""
    size = amount(judged)
    if judged.name in ("attack", "distance"):  # which gains half at most, whatever the interval
        return f"no stated attack gains more than {size_in_words(min(judged.bound or 0.0, 0.5), judged.unit)} over guessing"
    if judged.name == "forget":
        return f"{what(judged)} is within {size} of retraining's"
    if judged.name == "example":
        return f"{what(judged)} lies at most {size} farther out than retraining's"
    return f"{what(judged)} {'grows by' if judged.unit == 'nats' else 'loses'} at most {size}"


def _in_ten(chance: float) -> str:
    times = min(9, round(10 * chance))
    return f"passes {times} {'time' if times == 1 else 'times'} in 10" if times else "seldom passes"


def undecided(missing: Sequence[Judged]) -> str:
    """The endpoints that are neither within nor outside; those alone that look outside, where there are any."""
    beyond = [j for j in missing if looks_beyond(j)]
    named = [what(j) for j in beyond or missing]
    last = f"{len(named) - 2} more" if len(named) > 2 else ""
    one = len(named) == 1
    where = "beyond its margin" if one else "beyond their margins"
    seem = ("seems to lie" if one else "seem to lie") if beyond else "may lie"
    return f"{listed([*named[:2], *([last] if last else [])])} {seem} {where}"


def looks_beyond(judged: Judged) -> bool:
    """Return whether an endpoint looks to be outside its margin in a direction that does harm, shown or not."""
    return abs(judged.difference) >= judged.margin and bool(judged.harm)


def outside(judged: Judged) -> str:
    """An endpoint that is shown to be outside."""
    if judged.name in ("attack", "distance"):
        return f"an attack gains {_nearest(100 * abs(judged.difference))} over guessing"
    if judged.name == "example":
        return f"a forget example lies {abs(judged.difference):.1f} standard errors farther out than retrained models' do"
    return f"{what(judged)} is {_apart(judged)} retraining's"


def _apart(judged: Judged) -> str:
    """The distance below or above: points of accuracy, per cent of a loss, or how many times it is."""
    d = judged.difference
    how = "below" if d < 0 else "above"
    if judged.unit != "nats":
        return f"{_nearest(100 * abs(d))} {how}"
    if d > math.log(_TIMES):
        return f"{math.exp(min(d, 50.0)):,.0f} times"
    return f"{100 * abs(math.expm1(d)):.0f} % {how}"


def counted(counts: Mapping[str, Any]) -> str:
    """Single examples that are given away, in the direction that most are first."""
    better, less = counts["recognised"], counts["standing_out"]
    ways = sorted(((better, "better"), (less, "less well")), key=lambda way: -way[0])
    (most, how), (rest, other) = ways
    also = f", and {rest:,} {other}," if rest else ""
    return f"its models know {most:,} of {counts['forget']:,} forget examples {how}{also} than retrained models do"


def of_score(heading: str, verdict: Verdict) -> str:
    """A score that is distinguishable."""
    chance = f"p {'<' if verdict.p < 0.001 else '='} {max(verdict.p, 0.001):.3f}"
    if verdict.why.startswith(HIDDEN):
        return f"{verdict.why.removeprefix(HIDDEN)} ({chance})"
    set_off = "," if "," in heading else ""
    return f"{heading}{set_off} is {'below' if verdict.difference < 0 else 'above'} retraining's ({chance})"


def strongest(harms: Sequence[tuple[str, str]]) -> str:
    """The surest evidence, and the next of another kind of harm where there is room for it.

    >>> strongest([("over-forgets", "an attack gains 12 points"), ("broke", "test accuracy is 3 points below retraining's")])
    "an attack gains 12 points, and test accuracy is 3 points below retraining's"
    """
    (harm, first), *rest = harms
    more = (f"{first}, and {text}" for other, text in rest if other != harm)
    return next((both for both in more if len(both.split()) <= _ROOM), first)


def untested(names: Sequence[str], reason: str) -> str:
    """Endpoints that are missing for a reason.

    >>> untested(["attack", "example"], "no margin is known of the forget examples")
    'the attack and the farthest forget example were not tested: no margin is known of the forget examples'
    """
    return f"{listed([NAMES[name] for name in names])} {'was' if len(names) == 1 else 'were'} not tested: {reason}"


def alone(judged: Judged, models: int) -> str:
    """Models that lie outside the margin and outside what retrained models show."""
    count = len(judged.apart)
    if count == models:
        return f"each of the {models} models lies outside what retrained models show in {what(judged)}"
    numbers = [str(at + 1) for at in judged.apart]
    if count > _NUMBERS:
        numbers = [*numbers[: _NUMBERS - 1], f"{count - _NUMBERS + 1} more"]
    which = f"number{'s' if count > 1 else ''} {listed(numbers)}"
    return f"{count} of {models} models ({which}) {'stands' if count == 1 else 'stand'} apart in {what(judged)}"


def more_models(models: int, oracles: int) -> str:
    """So many models; one that is unlearned is there already.

    >>> more_models(1, 30)
    '30 retrained models'
    """
    return models_in_words(models, oracles) if models > 1 else f"{oracles} retrained models"


def beyond(judged: Judged, models: int) -> str:
    """Advice where an endpoint lies on the margin or beyond it, so that more models would hardly bring it within."""
    return f"{'a model' if models == 1 else 'models'} nearer to retraining in {what(judged)}"


def chances(power: Power) -> str:
    """The power of a design, in words.

    >>> chances(Power(0.84, 0.9996, 7.0, 5, 10)).partition(", ")[0]
    '5 unlearned and 10 retrained models let a perfect method pass with probability 0.84'
    """
    return (
        f"{models_in_words(power.models, power.oracles)} let a perfect method pass with probability {in_words(power.passes)}, "
        f"and show a leak of {power.leak:g} spreads with probability {in_words(power.detects)}"
    )


def in_words(chance: float) -> str:
    """A probability in two decimals; one that these would call 0 or 1 is said to be below or above what they can show.

    >>> in_words(0.84), in_words(0.0002), in_words(0.9996), in_words(1.0)
    ('0.84', 'below 0.01', 'above 0.99', 'above 0.99')
    """
    return "below 0.01" if chance < 0.005 else "above 0.99" if chance > 0.995 else f"{chance:.2f}"


def what(judged: Judged) -> str:
    """The endpoint in a sentence."""
    return called(judged.name, judged.unit)


def called(name: str, unit: str) -> str:
    """An endpoint in a sentence, by the unit in which it was available.

    >>> called("test", "fraction"), called("test", "nats")
    ('test accuracy', 'test loss')
    """
    return f"{name} loss" if unit == "nats" and name != "forget" else NAMES[name]


def amount(judged: Judged) -> str:
    """The bound of an endpoint in the words of its unit: points of accuracy, per cent of a loss, or standard errors."""
    return size_in_words(judged.bound or 0.0, judged.unit)


def size_in_words(size: float, unit: str) -> str:
    """A size of some unit, rounded away from 0 so that no bound is understated.

    >>> size_in_words(0.0112, "fraction"), size_in_words(0.01, "fraction"), size_in_words(0.1, "nats")
    ('1.2 points', '1 point', '11 %')
    """
    if unit == "nats":
        return f"{math.ceil(100 * math.expm1(min(size, 50.0)) - 1e-6):,} %"
    if unit == "fraction":
        return _points(math.ceil(1000 * size - 1e-6) / 10)
    text = f"{math.ceil(10 * size - 1e-6) / 10:g}"
    return f"{text} standard error{'' if text == '1' else 's'}"


def _points(number: float) -> str:
    """Points with a decimal where they are few.

    >>> _points(0.4), _points(1.0), _points(12.3)
    ('0.4 points', '1 point', '12.3 points')
    """
    text = f"{number:.1f}".removesuffix(".0")
    return f"{text} point{'' if text == '1' else 's'}"


def _nearest(number: float) -> str:
    return _points(round(number, 1))


def harm_of(name: str, verdict: Verdict) -> str:
    """The meaning of a distinguishable score: 'remembers', 'hides', 'over-forgets' or 'broke'; empty where it has no direction."""
    for start, harm in _WAYS.items():
        if verdict.why.startswith(start):
            return harm
    return "broke" if name.endswith(("_test", "_retain")) else ""


def loses_utility(verdict: Verdict) -> bool:
    """Return whether a score says that examples are answered worse which were not to be forgotten."""
    return verdict.why.startswith(tuple(start for start, harm in _WAYS.items() if harm == "broke"))


def is_gain(name: str, verdict: Verdict) -> bool:
    """Return whether a score differs for the better: accuracy on examples that are not to be forgotten."""
    return name in {"test_accuracy", "retain_accuracy", "retain_true_accuracy"} and verdict.difference > 0


def listed(words: Sequence[str]) -> str:
    """Words in a row.

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
