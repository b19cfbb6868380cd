"""All scores of one method against the oracles, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Score, Verdict
from untrain.evaluation.observation import PROBE, Observation
from untrain.evaluation.scoring.design import LEVEL, can_decide
from untrain.evaluation.scoring.effect_size import Floors
from untrain.evaluation.scoring.guarded_evaluator import guarded, without_culprits
from untrain.evaluation.scoring.hypothesis_tests import Case, mark_blind, verdicts
from untrain.evaluation.scoring.intervals import ReferenceScore, compare, reference_scores
from untrain.evaluation.scoring.verdict_wording import METHOD, sentence
from untrain.maths.conformal import ConformalRejections, standing_out

SHOWN = 50
_RISK = 0.1  # the greatest chance of a false alarm at which single examples are reported


@dataclass(frozen=True, eq=False)
class Reference:
    """The models that the methods of one run are compared with, prepared.

    Args:
        chosen: the evaluators.
        oracle: outputs of the oracles.
        ready: what each evaluator prepared of 'oracle' and, where there are originals, of 'original'.
        start: verdicts on the originals themselves; empty without them.
        level: share of false alarms, over all scores of a method.
        refused: why scores are missing for such models, by score.
        original: outputs of the originals; a method that leaves them alone is not scored again.
        known: what oracles and originals score, by the evaluator's id and the number of unlearned models, as methods ask.
        floors: scores of groups of the oracles against the others, by the evaluator's id.
    """

    chosen: tuple[Evaluator, ...]
    oracle: Observation
    ready: tuple[Mapping[str, Array], ...]
    start: Mapping[str, Verdict]
    level: float = LEVEL
    refused: Mapping[str, str] = field(default_factory=dict)
    original: Observation | None = None
    known: dict[tuple[int, int], dict[str, ReferenceScore]] = field(default_factory=dict)
    floors: dict[int, Floors] = field(default_factory=dict)

    def case(self, evaluator: Evaluator, ready: Mapping[str, Array], unlearned: Observation | None) -> Case:
        """Prepare a method's models for an evaluator; None are the originals, which are prepared."""
        ours = ready["original"] if unlearned is None else evaluator.prepare(unlearned)
        return Case(evaluator, {**ready, "unlearned": ours}, self.floors.setdefault(id(evaluator), {}))

    def scores(self, case: Case) -> dict[str, ReferenceScore]:
        """Scores of oracles and originals, computed for the first method with so many models."""
        key = id(case.evaluator), len(case.ready["unlearned"])
        if key not in self.known:
            self.known[key] = reference_scores(case.evaluator, case.ready, self.oracle, key[1])
        return self.known[key]


def lacks(evaluator: Evaluator, seen: Observation) -> str:
    """Return why an evaluator cannot score such models; empty where it can."""
    missing = sorted(name for name in evaluator.needs if not seen.has(name))
    if not missing:
        return ""
    if any(name.startswith(PROBE) for name in missing):
        return f"needs {', '.join(missing)}, and this run has no outputs on it"
    if "spread" in missing:
        return f"needs models that differ from seed to seed, and the {seen.models} oracles are the same one"
    if "margin" in seen.outputs:
        given = {"strata": "labels", "classes": "labels that are classes", "correct": "whole logits, which say what is correct"}
        return f"only margins were given, and this score needs {', '.join(given.get(name, name) for name in missing)}"
    return f"needs {', '.join(missing)}, which {type(seen.task).__name__} does not give"


def reference_of(
    chosen: Sequence[Evaluator], oracle: Observation, original: Observation | None = None, level: float = LEVEL
) -> Reference:
    """Prepare the oracles and the originals, once for all methods of a run."""
    populations = {"oracle": oracle} | ({} if original is None else {"original": original})
    sides = {"", *np.unique(oracle.side).tolist()}
    refused = {n: reason for e in chosen if (reason := lacks(e, oracle)) for n, about in e.scores.items() if about.side in sides}
    chosen = given = [guarded(e) for e in chosen if not lacks(e, oracle)]
    floors: dict[int, Floors] = {id(e): {} for e in given}

    def prepare(able: Sequence[Evaluator]) -> tuple[Sequence[Evaluator], list[dict[str, Array]], Mapping[str, Verdict]]:
        ready = [{name: e.prepare(outputs) for name, outputs in populations.items()} for e in able]
        if original is None:
            return able, ready, {}
        cases = [Case(e, {**r, "unlearned": r["original"]}, floors[id(e)]) for e, r in zip(able, ready, strict=True)]
        return able, ready, verdicts(cases, oracle, level)

    (chosen, ready, start), reasons = without_culprits(prepare, chosen, lambda e: e)
    refused |= {n: why for e in given for n, about in e.scores.items() if about.side in sides and (why := reasons.get(n))}
    return Reference(tuple(chosen), oracle, tuple(ready), start, level, refused, original, floors=floors)


def assess(
    reference: Reference, unlearned: Observation, draws: int = 1000, name: str = METHOD
) -> tuple[dict[str, Score], dict[str, Any]]:
    """Scores of a method with their verdicts, and the verdict on the method.

    Args:
        reference: what it is compared with.
        unlearned: outputs of its models, on the same examples.
        draws: resamples behind each interval.
        name: of the method, for its sentence.

    Returns:
        Score name -> score; and ``says``, ``detail`` in sentences, ``recognised`` and ``standing_out`` (forget examples with id, p
        and excess, the most extreme first, at most 50), their ``counts``, and the ``chance`` of either when nothing is the matter.
    """

    unchanged = reference.original is not None and unlearned.equals(reference.original)

    def score(able: Sequence[tuple[Evaluator, Mapping[str, Array]]]) -> tuple[dict[str, Score], Mapping[str, Verdict]]:
        cases = [reference.case(e, ready, None if unchanged else unlearned) for e, ready in able]
        scores: dict[str, Score] = {}
        for case in cases:
            scores |= compare(case.evaluator, case.ready, reference.oracle, draws, known=reference.scores(case))
        return scores, reference.start if unchanged else verdicts(cases, reference.oracle, reference.level)

    pairs = list(zip(reference.chosen, reference.ready, strict=True))
    (scores, by_score), reasons = without_culprits(score, pairs, lambda pair: pair[0])
    by_score = mark_blind(by_score, reference.start)
    abouts = {name: about for e in reference.chosen for name, about in e.scores.items()}
    scores = {name: replace(s, verdict=by_score.get(abouts[name].verdict_of or name)) for name, s in scores.items()}
    sides = {"", *np.unique(reference.oracle.side).tolist()}
    reasons = {name: why for name, why in reasons.items() if abouts[name].side in sides} | dict(reference.refused)
    scores |= {name: Score(None, reason=reason) for name, reason in reasons.items()}
    return scores, method_verdict(by_score, *examples(reference, unlearned, by_score), name, unlearned.models)


def examples(
    reference: Reference, unlearned: Observation, by_score: Mapping[str, Verdict]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Forget examples that stand out by too large and by too small margins, and how many there are by which chance."""
    here = np.flatnonzero(np.asarray(reference.oracle.side) == "forget")
    nothing: dict[str, Any] = {"forget": len(here), "recognised": 0, "standing_out": 0, "chance": None, "listed": []}
    if len(here) == 0 or not reference.oracle.has("margin"):
        return [], nothing
    ours, theirs = (outputs.at(here).signal("margin") for outputs in (unlearned, reference.oracle))
    if len(theirs) < 3 or not reference.oracle.has("spread"):
        return [], nothing
    able = can_decide(len(ours), len(theirs), reference.level)
    up, down = (
        _borne_out(standing_out(sign * ours, sign * theirs, reference.level), by_score.get(name), able, sign > 0)
        for sign, name in ((1, "example_max"), (-1, "example_min"))
    )
    counts = {"forget": len(here), "recognised": len(up.examples), "standing_out": len(down.examples)}
    chance = reference.level if able else 1 / (1 + len(theirs))
    return _listed(up, here, reference.oracle), counts | {"chance": chance, "listed": _listed(down, here, reference.oracle)}


def _borne_out(rejections: ConformalRejections, verdict: Verdict | None, able: bool, up: bool) -> ConformalRejections:
    """The rejections, if the test of all scores together bears them out, so that their share of false alarms is that of the test.

    One model and few retrained ones allow no such test. Then those examples are reported that it is surer of than ten retrained
    models or more, and the verdict stays what it is.
    """
    sure = verdict is not None and (verdict.says == "distinguishable" if able else up and rejections.chance <= _RISK)
    return rejections if sure else replace(rejections, examples=rejections.examples[:0])


def _listed(rejections: ConformalRejections, here: Array, outputs: Observation) -> list[dict[str, Any]]:
    ids = np.asarray(outputs.ids)[here]
    return [
        {"id": str(ids[at]), "p": float(rejections.p[at]), "excess": float(rejections.excess[at])}
        for at in rejections.examples[:SHOWN]
    ]


def method_verdict(
    by_score: Mapping[str, Verdict], recognised: list[dict[str, Any]], counts: dict[str, Any], name: str = METHOD,
    models: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The verdict on a method, from those on its scores on so many of its models."""
    apart = [n for n, v in by_score.items() if v.says == "distinguishable"]
    apart.sort(
        key=lambda n: (by_score[n].p, not by_score[n].why.startswith(("remembers", "over-forgets")))
    )  # forgetting before the rest
    equal = [n for n, v in by_score.items() if v.says == "indistinguishable"]
    says = "distinguishable" if apart else "indistinguishable" if by_score and len(equal) == len(by_score) else "too few models"
    verdict = {
        "says": says, "distinguishable": apart, "indistinguishable": equal,
        "models": models, "tested": list(by_score), "level": next((v.level for v in by_score.values()), None),
        "recognised": recognised, "standing_out": counts["listed"],
        "counts": {n: counts[n] for n in ("forget", "recognised", "standing_out")}, "chance": counts["chance"],
    }  # fmt: skip
    return verdict | {"detail": sentence(verdict, {n: asdict(v) for n, v in by_score.items()}, name)}
