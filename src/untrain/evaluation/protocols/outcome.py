"""The outcome of a protocol: passes, fails or open, with its reason, its power, and what would close it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from untrain.evaluation.base import Verdict
from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols import outcome_wording as wording
from untrain.evaluation.protocols.endpoints import Endpoint, endpoints, too_few
from untrain.evaluation.protocols.margin_test import Judged, allowed, judge
from untrain.evaluation.protocols.power import Power, law_of, power_of, smallest
from untrain.evaluation.protocols.protocol import Protocol
from untrain.evaluation.scoring.design import LEVEL

Outcome = Literal["passes", "fails: remembers", "fails: over-forgets or broke something", "open"]
PASSES: Outcome = "passes"
REMEMBERS: Outcome = "fails: remembers"
DAMAGED: Outcome = "fails: over-forgets or broke something"
OPEN: Outcome = "open"
FORGET = ("attack", "forget", "example")
_WIDER = 0.001  # chance below which unlearned models are said to spread more than retrained ones


@dataclass(frozen=True, eq=False)
class Ruling:
    """What a protocol says of a method.

    Args:
        protocol: its name or spelling.
        outcome: passes, fails in one of two ways, or open.
        because: the evidence, in words.
        open: the one thing that would close it; empty where it is closed.
        power: the chances of this design; None where there is no endpoint.
        endpoints: each against its margin.
        lacks: endpoint -> why it cannot be had.
        notes: what the design cannot see, and what else is worth knowing.
    """

    protocol: str
    outcome: Outcome
    because: str
    open: str
    power: Power | None
    endpoints: tuple[Judged, ...]
    lacks: Mapping[str, str]
    notes: tuple[str, ...]

    def document(self, name: str) -> dict[str, Any]:
        """Fields for JSON, and the sentence on a method of some name."""
        fields = asdict(self) | {"endpoints": [asdict(j) for j in self.endpoints], "lacks": dict(self.lacks)}
        return fields | {"sentence": wording.sentence(name, self.outcome, self.because, self.open)}


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the tests of all scores say.

    Args:
        verdicts: on all tested scores.
        counts: of forget examples that are 'recognised' and that are 'standing_out', and of all of them, 'forget'.
        alarm: why retrained models are no fair yardstick; empty where they are.
    """

    verdicts: Mapping[str, Verdict]
    counts: Mapping[str, Any]
    alarm: str = ""


def rule(
    protocol: Protocol, unlearned: Observation, oracle: Observation, original: Observation | None, evidence: Evidence,
    level: float = LEVEL,
) -> Ruling:  # fmt: skip
    """Rule on the models of one method.

    *Passes*: every endpoint is shown to be within its margin, no test of any score says otherwise, no model lies alone, and the
    untouched originals would not pass. *Fails*: a score is distinguishable by the test of all scores together in a direction that
    does harm, or an endpoint is shown to be outside. Else it is open.

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
    at = protocol.level * level / LEVEL
    judged = [judge(e, protocol.margins[e.name], at, len(found)) for e in found]
    m, k = unlearned.models, oracle.models
    power = power_of(protocol, m, k, law_of(found)) if found and k > 1 else None
    notes = notes_on(found, judged, lacks, m)
    harms = harms_of(evidence.verdicts, judged, evidence.counts)

    def ruled(outcome: Outcome, because: str, close: str = "") -> Ruling:
        return Ruling(protocol.label, outcome, because, close, power, tuple(judged), lacks, tuple(notes))

    if evidence.alarm:
        return ruled(OPEN, wording.UNFAIR, "oracles by the recipe of the originals")
    if harms:
        remembers = harms[0][0] == "remembers"
        return ruled(REMEMBERS if remembers else DAMAGED, wording.strongest([text for _, text in harms]))
    if not judged:
        return ruled(
            OPEN, "none of the primary endpoints can be had", f"outputs that give one: {'; '.join(dict.fromkeys(lacks.values()))}"
        )
    missing = sorted((j for j in judged if j.says != "within"), key=lambda j: not looks_beyond(j))
    if missing:
        return ruled(OPEN, wording.undecided(missing), closing(protocol, found, missing, m, k))
    if too_few(k) in lacks.values():
        return ruled(
            OPEN, wording.untested([n for n, why in lacks.items() if why == too_few(k)]), closing(protocol, found, [], m, k)
        )
    if alone := [j for j in judged if j.apart]:
        return ruled(OPEN, wording.alone(alone[0], m), "a look at that model, or more of them")
    if original is not None and passes_untouched(protocol, original, oracle):
        return ruled(OPEN, wording.BLIND, "a stricter protocol, or another request")
    return ruled(PASSES, wording.within(judged, k, None if power is None else power.passes))


def passes_untouched(protocol: Protocol, original: Observation, oracle: Observation) -> bool:
    """Whether the originals keep the margins of the forget set: then to keep them shows nothing."""
    found = [e for e in endpoints(original, oracle)[0] if e.name in FORGET]
    return bool(found) and all(judge(e, protocol.margins[e.name], protocol.level, len(found)).says == "within" for e in found)


def harms_of(
    verdicts: Mapping[str, Verdict], judged: Sequence[Judged], counts: Mapping[str, Any]
) -> list[tuple[str, str]]:  # fmt: skip
    """What convicts: (kind of harm, words), that which is surest first; single examples before means."""
    directed = {j.name: j.harm for j in judged}
    side = directed.get("forget") or directed.get("attack") or "broke"
    found: list[tuple[str, str]] = []
    apart = {n: v for n, v in verdicts.items() if v.says == "distinguishable" and not wording.is_gain(n, v)}
    harms = {n: wording.harm_of(n, v) or side for n, v in sorted(apart.items(), key=lambda item: item[1].p)}
    outside = [j for j in judged if j.says == "outside"]
    ways = {*harms.values(), *(j.harm or side for j in outside)}
    kinds = ("recognised", "remembers"), ("standing_out", "over-forgets")
    for kind, harm in sorted(kinds, key=lambda pair: -counts[pair[0]]):
        if counts[kind] and ways:
            found.append((harm, wording.counted(counts, kind)))
    found += [(j.harm or side, wording.outside(j)) for j in outside]
    found += [(harm, wording.of_score(n, apart[n])) for n, harm in harms.items()]
    return found


def closing(protocol: Protocol, found: Sequence[Endpoint], missing: Sequence[Judged], m: int, k: int) -> str:
    """What would most likely bring endpoints within their margins: so many models, if they are as near as they look.

    Of those that are missing, one that looks beyond its margin comes first.
    """
    if missing and looks_beyond(missing[0]):
        it = "it" if len(missing) == 1 else "the first"
        return f"{wording.more_models(2 * m if m > 1 else 1, 2 * k)}, though {it} looks beyond it"
    enough = smallest(protocol, law_of(found), m if m == 1 else None)
    if enough is not None and (enough.models > m or enough.oracles > k):
        return wording.more_models(max(m, enough.models), max(k, enough.oracles))
    return wording.more_models(m if m == 1 else 2 * m, 2 * k)


def looks_beyond(judged: Judged) -> bool:
    """Whether an endpoint is as far as its margin, though it is not shown to be."""
    return abs(judged.difference) >= judged.margin and bool(judged.harm)


def notes_on(found: Sequence[Endpoint], judged: Sequence[Judged], lacks: Mapping[str, str], m: int) -> list[str]:
    """What a reader should know beside the outcome: endpoints that lack, models that spread more, what one model cannot show."""
    notes = [f"{wording.NAMES[name]} was not tested: {why}" for name, why in lacks.items()]
    if m == 1:
        notes.append("one model was given: the outcome is about it, and how others by the method would spread is not known")
    for e in found if m > 1 else ():
        if spreads_more(e, _WIDER / len(found)):
            ratio = float(e.ours.std(ddof=1) / e.theirs.std(ddof=1))
            notes.append(f"unlearned models spread {ratio:.1f} times as much as retrained ones by {wording.NAMES[e.name]}")
    most = {
        e.name: wording.MOST_GAIN if e.name == "attack" else float(e.theirs.mean()) for e in found if e.about.unit == "fraction"
    }
    notes += [wording.vacuous(j) for j in judged if j.margin >= most.get(j.name, np.inf)]
    return notes + [wording.alone(j, m) for j in judged if j.apart]


def spreads_more(e: Endpoint, level: float) -> bool:
    """Whether unlearned models clearly spread more than retrained ones, at a level; so few models of a kind cannot show it.

    Source: Brown and Forsythe 1974.
    """
    kinds = [np.abs(values - np.median(values)) for values in (e.ours, e.theirs)]
    if e.theirs.var() == 0 or e.ours.var(ddof=1) <= e.theirs.var(ddof=1) or all(np.allclose(a, a[0]) for a in kinds):
        return False  # of two models each lies as far from their middle, and the test has nothing to divide by
    return bool(stats.f_oneway(*kinds).pvalue <= level)


def margins_in_words(protocol: Protocol, models: int) -> dict[str, str]:
    """The margin of each endpoint as a reader meets it."""
    return {name: wording.margin(name, margin, allowed(margin, models)) for name, margin in protocol.margins.items()}
