"""The outcome of a protocol: passes, fails or open, with its reason, its power, and what would close it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from untrain.evaluation.base import Verdict
from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols import outcome_wording as wording
from untrain.evaluation.protocols.endpoints import Endpoint, Harm, Retrained, endpoints, too_few
from untrain.evaluation.protocols.margin_test import Judged, judge
from untrain.evaluation.protocols.power import Power, law_of, power_of
from untrain.evaluation.protocols.protocol import Protocol
from untrain.evaluation.scoring.design import LEVEL
from untrain.maths.distributions import f_test

Outcome = Literal[
    "passes", "fails: remembers", "fails: hides the forget set", "fails: over-forgets or broke something", "open"
]  # fmt: skip
PASSES: Outcome = "passes"
REMEMBERS: Outcome = "fails: remembers"
HIDES: Outcome = "fails: hides the forget set"
DAMAGED: Outcome = "fails: over-forgets or broke something"
OPEN: Outcome = "open"
FORGET, KEEP = ("attack", "distance", "forget", "example"), ("test", "retain")  # what endpoints ask
Forgetting = Literal["forgot", "remembers", "hides", "over-forgets", "open"]
Keeping = Literal["kept", "broke", "worse", "differs", "open"]
USUAL = 12  # retrained models of the usual design
_MANY = 10.0  # times as many models, beyond which more of them are no advice
_WIDER = 0.001  # chance below which unlearned models are said to spread more than retrained ones


def _spelled(score: str) -> str:
    return score.replace("_", " ")


@dataclass(frozen=True, eq=False)
class Ruling:
    """The finding of a protocol on a method.

    Args:
        protocol: its name or spelling.
        outcome: passes, fails in one of three ways, or open.
        because: the evidence, in words.
        open: the one thing that would close it; empty where it is closed.
        power: the chances of this design; None where there is no endpoint, or retrained models do not differ.
        endpoints: each against its margin.
        lacks: endpoint -> why it is missing.
        notes: what the design cannot see, and what else is worth knowing.
        forgetting: what became of the forget set, in a word.
        keeping: what became of the rest: 'broke' is worse by more than a margin, 'worse' is worse, though by more than a margin is
            not shown, 'differs' is other outputs there, and no fewer of them right.
    """

    protocol: str
    outcome: Outcome
    because: str
    open: str
    power: Power | None
    endpoints: tuple[Judged, ...]
    lacks: Mapping[str, str]
    notes: tuple[str, ...]
    forgetting: Forgetting
    keeping: Keeping

    def document(self, name: str) -> dict[str, Any]:
        """Fields for JSON, and the sentence on a method of some name."""
        fields = asdict(self) | {"endpoints": [asdict(j) for j in self.endpoints], "lacks": dict(self.lacks)}
        return fields | {"sentence": wording.sentence(name, self.outcome, self.because, self.open)}


@dataclass(frozen=True, eq=False)
class Evidence:
    """The findings of the tests of all scores.

    Args:
        verdicts: on all tested scores.
        counts: of forget examples that are 'recognised' and that are 'standing_out', and of all of them, 'forget'.
        alarm: why retrained models are not a fair yardstick; empty where they are.
        heading: score name -> what to call it in a sentence.
    """

    verdicts: Mapping[str, Verdict]
    counts: Mapping[str, Any]
    alarm: str = ""
    heading: Callable[[str], str] = _spelled


def rule(
    protocol: Protocol, unlearned: Observation, oracle: Observation | Retrained, original: Observation | None, evidence: Evidence,
    level: float = LEVEL,
) -> Ruling:  # fmt: skip
    """Rule on the models of one method.

    *Passes*: every endpoint is shown to be within its margin, no test of any score says otherwise, no model lies alone, and the
    untouched originals would not pass. *Fails*: a score is distinguishable by the test of all scores together in a direction that
    does harm, or an endpoint is shown to be outside. Else it is open. Of models that fail by what comes back once they are changed
    or asked otherwise, and do not show it as they are, the outcome is that they hide it.

    Args:
        protocol: whose margins are to be kept.
        unlearned: outputs of the method's models.
        oracle: outputs of the retrained models.
        original: outputs of the originals; None where there are none.
        evidence: of the tests of all scores.
        level: share of false alarms of these tests; where it is a part of the usual one, as at an interim look, so is the
            protocol's.

    Source: intersection-union test, Berger 1982.
    """
    found, lacks = endpoints(unlearned, oracle)
    looks = LEVEL / level
    judged = [judge(e, protocol.margins[e.margin], protocol.level / looks, len(found) * looks) for e in found]
    m, k = unlearned.models, oracle.models
    alike = any(e.error is not None for e in found)
    looked = replace(protocol, level=protocol.level * level / LEVEL)
    power = power_of(looked, m, k, law_of(found)) if found and k > 1 and not alike else None
    notes = notes_on(found, judged, lacks, m)
    if original is None:
        notes.append(wording.NO_ORIGINALS)
    harms = harms_of(evidence, judged)

    def ruled(outcome: Outcome, because: str, close: str = "") -> Ruling:
        if evidence.alarm:
            return Ruling(protocol.label, outcome, because, close, power, tuple(judged), lacks, tuple(notes), "open", "open")
        kinds = tuple(dict.fromkeys(kind for kind, _ in harms))
        lost = any(v.says == "distinguishable" and wording.loses_utility(v) for v in evidence.verdicts.values())
        became = forgetting_of(outcome, kinds, judged, lacks), keeping_of(outcome, kinds, lost, judged)
        return Ruling(protocol.label, outcome, because, close, power, tuple(judged), lacks, tuple(notes), *became)

    if evidence.alarm:
        return ruled(OPEN, wording.UNFAIR, "retrained models by the recipe of the originals")
    if harms:
        return ruled(outcome_of(harms), wording.strongest(harms))
    if not any(j.name in FORGET for j in judged):
        return ruled(OPEN, wording.NOTHING, "certainty or losses of the examples")
    missing = [j for j in judged if j.says != "within"]
    if missing:
        return ruled(OPEN, wording.undecided(missing), closing(missing, m, k, alike))
    if few := [name for name, why in lacks.items() if why == too_few(k)]:
        return ruled(OPEN, wording.untested(few, too_few(k)), wording.more_models(m, max(k, USUAL)))
    if alone := [j for j in judged if j.apart]:
        return ruled(OPEN, wording.alone(alone[0], m), wording.LOOK)
    if original is not None and passes_untouched(protocol, original, oracle):
        return ruled(OPEN, wording.BLIND, "a stricter protocol, or another request")
    return ruled(PASSES, wording.within(judged, k, None if power is None else power.passes, alike))


def passes_untouched(protocol: Protocol, original: Observation, oracle: Observation | Retrained) -> bool:
    """Return whether the originals keep the margins of the forget set: then to keep them shows nothing."""
    found = [e for e in endpoints(original, oracle)[0] if e.name in FORGET]
    return bool(found) and all(judge(e, protocol.margins[e.margin], protocol.level, len(found)).says == "within" for e in found)


def outcome_of(harms: Sequence[tuple[str, str]]) -> Outcome:
    """In which way models fail, by what convicts them in the order of ``harms_of``.

    >>> outcome_of([("hides", "relearns faster"), ("over-forgets", "loss is twice retraining's")])
    'fails: hides the forget set'
    """
    return {"remembers": REMEMBERS, "hides": HIDES}.get(harms[0][0], DAMAGED)


def forgetting_of(outcome: Outcome, kinds: Sequence[str], judged: Sequence[Judged], lacks: Mapping[str, str]) -> Forgetting:
    """The fate of the forget set, which never says otherwise than the outcome.

    >>> forgetting_of(DAMAGED, ("broke", "over-forgets"), (), {}), forgetting_of(REMEMBERS, ("remembers", "over-forgets"), (), {})
    ('over-forgets', 'remembers')
    """
    for fails, word in ((REMEMBERS, "remembers"), (HIDES, "hides"), (PASSES, "forgot")):
        if outcome == fails:
            return word  # type: ignore[return-value]  # mypy takes words of a tuple for any
    if wrong := [kind for kind in kinds if kind in ("over-forgets", "remembers")]:
        return wrong[0]  # type: ignore[return-value]  # as above
    asked = [j.says for j in judged if j.name in FORGET]
    whole = asked and not set(lacks) & set(FORGET)  # an endpoint that could not be had leaves it open
    return "forgot" if whole and set(asked) == {"within"} else "open"


def keeping_of(outcome: Outcome, kinds: Sequence[str], lost: bool, judged: Sequence[Judged]) -> Keeping:
    """The fate of all other examples, by accuracy on them; ``lost`` where a score says that utility is.

    >>> keeping_of(REMEMBERS, ("remembers", "broke"), True, ()), keeping_of(DAMAGED, ("broke",), False, ())
    ('worse', 'differs')
    """
    says = [j.says for j in judged if j.name in KEEP]
    if "outside" in says:
        return "broke"
    if lost:
        return "worse"
    if outcome == DAMAGED and kinds[:1] == ("broke",):
        return "differs"
    return "kept" if says and set(says) == {"within"} else "open"


def harms_of(evidence: Evidence, judged: Sequence[Judged]) -> list[tuple[str, str]]:
    """Evidence of harm: (kind of harm, words), the surest first; single examples before means.

    Knowledge that comes back stands first, or, where the models remember as they are, right after that: a reader who learns that
    they forgot too much, or broke something, would take it for gone.
    """
    verdicts, counts = evidence.verdicts, evidence.counts
    side = _side(judged)
    found: list[tuple[str, str]] = []
    apart = {n: v for n, v in verdicts.items() if v.says == "distinguishable" and not wording.is_gain(n, v)}
    harms = {n: wording.harm_of(n, v) or side for n, v in sorted(apart.items(), key=lambda item: item[1].p)}
    # The attack leans on test examples: where these are worse, it says little.
    outside = sorted((j for j in judged if j.says == "outside"), key=lambda j: j.harm != "broke")
    if (counts["recognised"] or counts["standing_out"]) and (harms or outside):
        better = counts["recognised"] >= counts["standing_out"]
        found.append(("remembers" if better else "over-forgets", wording.counted(counts)))
    found += [(j.harm or side, wording.outside(j)) for j in outside]
    found += [(harm, wording.of_score(evidence.heading(n), apart[n])) for n, harm in harms.items()]
    hidden, shown = ([each for each in found if (each[0] == "hides") is wanted] for wanted in (True, False))
    if not hidden:
        return shown
    plain = [each for each in shown if each[0] == "remembers"][:1]  # what shows as it is, is not hidden
    return [*plain, *hidden, *(each for each in shown if each not in plain)]


def _side(judged: Sequence[Judged]) -> Harm:
    """The direction in which the forget set leans most, in spreads: for scores that have none themselves."""
    leaning = [j for j in judged if j.name in ("attack", "forget") and j.spread > 0 and j.harm]
    return max(leaning, key=lambda j: abs(j.difference) / j.spread).harm if leaning else "broke"


def closing(missing: Sequence[Judged], m: int, k: int, alike: bool) -> str:
    """Advice on what would most likely bring endpoints within their margins: so many models, if they are as near as they look."""
    if alike:
        return wording.MORE_EXAMPLES
    beyond = [j for j in missing if j.low is not None and (j.times is None or j.times > _MANY)]
    if beyond:
        return wording.beyond(beyond[0], m)
    times = max((j.times or _MANY for j in missing), default=1.0)
    return wording.more_models(m if m == 1 else max(m, math.ceil(m * times)), max(k + 1, math.ceil(k * times)))


def notes_on(found: Sequence[Endpoint], judged: Sequence[Judged], lacks: Mapping[str, str], m: int) -> list[str]:
    """Remarks besides the outcome: endpoints that are missing, models that spread more, what one model cannot show."""
    notes = [
        wording.untested([name for name, why in lacks.items() if why == reason], reason) for reason in dict.fromkeys(lacks.values())
    ]
    if m == 1:
        notes.append("one model was given: the outcome is about it, and how others by the method would spread is not known")
    for e in found if m > 1 else ():
        if e.error is None and spreads_more(e, _WIDER / len(found)):
            ratio = float(e.ours.std(ddof=1) / e.theirs.std(ddof=1))
            notes.append(
                f"unlearned models spread {ratio:.1f} times as much as retrained ones in {wording.called(e.name, e.about.unit)}"
            )
    return notes + [wording.alone(j, m) for j in judged if j.apart]


def spreads_more(e: Endpoint, level: float) -> bool:
    """Return whether unlearned models clearly spread more than retrained ones, at a level; so few models of a kind cannot show it.

    Source: Brown and Forsythe 1974.
    """
    kinds = [np.abs(values - np.median(values)) for values in (e.ours, e.theirs)]
    if e.theirs.var() == 0 or e.ours.var(ddof=1) <= e.theirs.var(ddof=1) or all(np.allclose(a, a[0]) for a in kinds):
        return False  # of two models each lies as far from their middle, and the test has nothing to divide by
    return bool(f_test(*kinds) <= level)
