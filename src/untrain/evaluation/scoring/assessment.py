"""All scores of one method against the oracles, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Score, Verdict
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.hypothesis_tests import LEVEL, Case, blinded, can_decide, verdicts
from untrain.evaluation.scoring.intervals import compare
from untrain.evaluation.scoring.wording import sentence
from untrain.maths.conformal import ConformalRejections, standing_out

SHOWN = 50
_RISK = 0.1  # the greatest chance of a false alarm at which single examples are told of


@dataclass(frozen=True, eq=False)
class Reference:
    """What methods of one run are held against.

    Args:
        chosen: the evaluators.
        oracle: what the oracles answered.
        ready: what each evaluator prepared of 'oracle' and, where there are originals, of 'original'.
        start: verdicts on the originals themselves; empty without them.
        level: share of false alarms, over all scores of a method.
        refused: why scores cannot be had of such models, by score.
    """

    chosen: tuple[Evaluator, ...]
    oracle: Observation
    ready: tuple[Mapping[str, Array], ...]
    start: Mapping[str, Verdict]
    level: float = LEVEL
    refused: Mapping[str, str] = field(default_factory=dict)


def lacks(evaluator: Evaluator, seen: Observation) -> str:
    """Why an evaluator cannot score such models; empty where it can."""
    missing = sorted(name for name in evaluator.needs if not seen.has(name))
    return f"needs {', '.join(missing)}, which {type(seen.task).__name__} does not give" if missing else ""


def reference_of(
    chosen: Sequence[Evaluator], oracle: Observation, original: Observation | None = None, level: float = LEVEL
) -> Reference:
    """Prepare the oracles and the originals, once for all methods of a run."""
    known = {"oracle": oracle} | ({} if original is None else {"original": original})
    refused = {score: reason for e in chosen if (reason := lacks(e, oracle)) for score in e.scores}
    chosen = [e for e in chosen if not lacks(e, oracle)]
    ready = [{name: e.prepare(seen) for name, seen in known.items()} for e in chosen]
    start: Mapping[str, Verdict] = {}
    if original is not None:
        start = verdicts([Case(e, {**r, "unlearned": r["original"]}) for e, r in zip(chosen, ready, strict=True)], oracle, level)
    return Reference(tuple(chosen), oracle, tuple(ready), start, level, refused)


def audit(held: Reference, unlearned: Observation, draws: int = 1000) -> tuple[dict[str, Score], dict[str, Any]]:
    """Scores of a method with their verdicts, and the verdict on the method.

    Args:
        held: what it is held against.
        unlearned: what its models answered, on the same examples.
        draws: resamples behind each interval.

    Returns:
        Score name -> score; and ``says``, ``sentence``, ``recognised`` and ``standing_out`` (forget examples with id, p and
        excess, the most extreme first, at most 50), their ``counts``, and the ``chance`` of either when nothing is the matter.
    """
    cases = [Case(e, {**r, "unlearned": e.prepare(unlearned)}) for e, r in zip(held.chosen, held.ready, strict=True)]
    scores: dict[str, Score] = {}
    for case in cases:
        scores |= compare(case.evaluator, case.ready, held.oracle, draws)
    told = blinded(verdicts(cases, held.oracle, held.level), held.start)
    abouts = {name: about for e in held.chosen for name, about in e.scores.items()}
    scores = {name: replace(s, verdict=told.get(abouts[name].verdict_of or name)) for name, s in scores.items()}
    scores |= {name: Score(None, reason=reason) for name, reason in held.refused.items()}
    return scores, whole(told, *examples(held, unlearned, told))


def examples(held: Reference, unlearned: Observation, told: Mapping[str, Verdict]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Forget examples that stand out by too large and by too small margins, and how many there are by which chance."""
    here = np.flatnonzero(np.asarray(held.oracle.side) == "forget")
    if held.oracle.models < 3 or len(here) == 0:
        return [], {"forget": len(here), "recognised": 0, "standing_out": 0, "chance": None, "listed": []}
    ours, theirs = (seen.at(here).signal("margin") for seen in (unlearned, held.oracle))
    able = can_decide(len(ours), len(theirs), held.level)
    up, down = (
        _borne_out(standing_out(sign * ours, sign * theirs, held.level), told.get(name), able, sign > 0)
        for sign, name in ((1, "example_max"), (-1, "example_min"))
    )
    counts = {"forget": len(here), "recognised": len(up.examples), "standing_out": len(down.examples)}
    chance = held.level if able else 1 / (1 + len(theirs))
    return _listed(up, here, held.oracle), counts | {"chance": chance, "listed": _listed(down, here, held.oracle)}


def _borne_out(found: ConformalRejections, verdict: Verdict | None, able: bool, up: bool) -> ConformalRejections:
    """What was found, if the test of all scores together bears it out, so that its share of false alarms is that of the test.

    One model and few retrained ones allow no such test. Then examples are told of that it is surer of than ten retrained ones
    or more, and the verdict stays what it is.
    """
    sure = verdict is not None and (verdict.says == "distinguishable" if able else up and found.chance <= _RISK)
    return found if sure else replace(found, examples=found.examples[:0])


def _listed(found: ConformalRejections, here: Array, seen: Observation) -> list[dict[str, Any]]:
    ids = np.asarray(seen.ids)[here]
    return [{"id": str(ids[at]), "p": float(found.p[at]), "excess": float(found.excess[at])} for at in found.examples[:SHOWN]]


def whole(told: Mapping[str, Verdict], recognised: list[dict[str, Any]], counts: dict[str, Any]) -> dict[str, Any]:
    """What all verdicts of a method say together."""
    apart = [n for n, v in told.items() if v.says == "distinguishable"]
    apart.sort(key=lambda n: (told[n].p, not told[n].why.startswith(("remembers", "over-forgets"))))  # forgetting before the rest
    equal = [n for n, v in told.items() if v.says == "indistinguishable"]
    says = "distinguishable" if apart else "indistinguishable" if told and len(equal) == len(told) else "too few models"
    made = {
        "says": says, "distinguishable": apart, "indistinguishable": equal,
        "tested": list(told), "level": next((v.level for v in told.values()), None),
        "recognised": recognised, "standing_out": counts["listed"],
        "counts": {n: counts[n] for n in ("forget", "recognised", "standing_out")}, "chance": counts["chance"],
    }  # fmt: skip
    return made | {"sentence": sentence(made, {name: asdict(v) for name, v in told.items()})}
