"""Tests of scores against retraining, all of a method's together, at a given share of false alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Prepared, ScoreInfo, Splits, Verdict
from untrain.evaluation.lazy_stack import joined
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.design import LEVEL, SPLITS, can_decide, smallest_p
from untrain.evaluation.scoring.effect_size import Estimate, Floors, of_groups, of_models
from untrain.evaluation.scoring.resampling import aims_at_zero, joint, per_model
from untrain.evaluation.scoring.splits import values_in
from untrain.maths import permutation

_STEADY = 50  # no error is taken for smaller than this part of the margin, so that chance agreement is not evidence


@dataclass(frozen=True, eq=False)
class Case:
    """An evaluator and what it prepared of each population: 'original' (may lack), 'unlearned' and 'oracle'.

    ``floors`` are scores of groups of the oracles against the others, which cases with the same oracles share.
    """

    evaluator: Evaluator
    ready: Mapping[str, Array]
    floors: Floors = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Tested:
    """A score in all splits: difference between the groups and its standard error, (b,) each; the first split is the real one.

    ``estimate`` is how far the real groups are apart, where it is wanted and can be computed.
    """

    about: ScoreInfo
    difference: Array
    error: Array
    estimate: Estimate | None = None

    @property
    def sizes(self) -> Array:
        """Size of the studentized difference in each split, (b,); of a distance, which cannot be too small, only upwards."""
        scaled = self.difference / self.error
        return np.asarray(np.maximum(scaled, 0.0) if is_distance(self.about) else np.abs(scaled))


def verdicts(
    cases: Sequence[Case], outputs: Observation, level: float = LEVEL, splits: int = SPLITS, seed: int = 0
) -> dict[str, Verdict]:
    """The verdict on each tested score of one method.

    *Distinguishable.* Unlearned and retrained models are pooled. Were unlearning retraining, any split of the pool into groups
    of these sizes would be as likely as the real one, whatever the law of their outputs. A score is distinguishable when the
    real split's studentized difference is among the greatest that any tested score shows in any split. So of methods that are
    retraining no more than a share ``level`` is called distinguishable by any score.

    *Indistinguishable.* That test says nothing of how far models are apart that do differ. The interval does: Student's for
    scores that each model has, a jackknife and disjoint groups of oracles for others, wide enough for all tested scores
    together. Where it lies within the margin the models pass for equal, though they may differ by less.

    The examples are taken as they are: a verdict is about them.

    Args:
        cases: what each evaluator prepared of the method's models, the oracles and the originals.
        outputs: sides and labels of the examples.
        level: share of false alarms, over all scores.
        splits: at most so many splits.
        seed: of their drawing.

    Source: Westfall and Young 1993 (max-T); Chung and Romano 2013 (studentized permutation); two one-sided tests of
        equivalence by an interval (Schuirmann 1987).
    """
    if not cases:
        return {}
    m, k = (len(cases[0].ready[name]) for name in ("unlearned", "oracle"))
    orders = permutation.splits(m + k, m, splits, seed)
    by_score = tested(cases, outputs, orders, m, estimated=True)
    if not by_score:
        return {}
    sizes = {name: t.sizes for name, t in by_score.items()}
    greatest = np.max(list(sizes.values()), axis=0)
    able = can_decide(m, k, level, splits)
    needed = math.ceil(1 / level - 1e-9) - 1
    few = f"{m} unlearned and {k} retrained models have {len(orders)} splits, of which p is at least {smallest_p(m, k, splits):.2g}"
    few += f": for one unlearned model at least {needed} retrained ones are needed" if m == 1 else ": more of both are needed"
    judged = {}
    for name, t in by_score.items():
        # Splits that agree but for rounding are ties, and a tie is not evidence.
        p = float(np.mean(greatest >= sizes[name][0] * (1 - 1e-9)))
        margin, d = float(t.about.margin or 0.0), float(t.difference[0] if t.estimate is None else t.estimate.difference)
        unable = Verdict("too few models", d, None, None, p, margin, level, few)
        judged[name] = _judge(t, p, level, len(by_score)) if able else unable
    return judged


def tested(cases: Sequence[Case], outputs: Observation, orders: Array, size: int, estimated: bool) -> dict[str, Tested]:
    """Each tested score in splits of the pooled models.

    Args:
        cases: what each evaluator prepared.
        outputs: sides and labels.
        orders: of the pooled models, unlearned first, (b, m + k), as ``permute.splits`` gives them.
        size: number of unlearned models.
        estimated: whether the real groups' difference is estimated too.
    """
    by_score: dict[str, Tested] = {}
    for case in cases:
        by_score |= _tested(case, outputs, orders, size, estimated)
    return by_score


def is_distance(about: ScoreInfo) -> bool:
    """Return whether a score is a distance to the oracles: at least 0, and best there."""
    return about.low == 0 and aims_at_zero(about)


def mark_blind(verdicts_: Mapping[str, Verdict], original: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Verdicts with a mark on those of scores that do not tell the original from the oracles either."""
    telling = {name for name, v in original.items() if v.says == "distinguishable"}
    return {name: replace(v, blind=bool(original) and name not in telling) for name, v in verdicts_.items()}


def _tested(case: Case, outputs: Observation, orders: Array, size: int, estimated: bool) -> dict[str, Tested]:
    """Differences of each score that has a margin and a value, in all splits."""
    abouts = {name: a for name, a in case.evaluator.scores.items() if a.margin is not None}
    if not abouts:
        return {}
    ours, theirs = case.ready["unlearned"], case.ready["oracle"]
    pool = joined(ours, theirs)
    noisy, side = bool(np.any(outputs.labels != outputs.true)), np.asarray(outputs.side)
    trial = Prepared(ours, theirs, side, noisy, case.ready.get("original"), frozenset(abouts))

    def measure(groups: tuple[Array, Array], only: frozenset[str]) -> Mapping[str, Array]:
        return values_in(case.evaluator, Splits(pool, *groups, replace(trial, only=only)))

    by_score, anew = {}, {}
    real = case.evaluator.evaluate(trial)
    whole = case.evaluator.evaluate(replace(trial, unlearned=pool, oracle=pool))
    for name, about in abouts.items():
        here, everyone = real.get(name), whole.get(name)
        if here is None or isinstance(here, str):
            continue
        if not isinstance(everyone, str) and not joint(everyone) and len(each := per_model(everyone)):  # type: ignore[arg-type]
            estimate = of_models(each[:size], each[size:]) if estimated else None
            by_score[name] = _steady(about, *permutation.differences(each, orders, size), estimate)
        else:
            anew[name] = about
    if anew:
        wanted = frozenset(anew)
        values_by_name = measure((orders[:, :size], orders[:, size:]), wanted)
        estimates = of_groups(measure, len(ours), len(theirs), wanted, known=case.floors) if estimated else {}
        for name, about in anew.items():
            values = values_by_name.get(name)
            if values is not None and not np.isnan(values).any():  # a score that lacks in a split cannot be tested
                by_score[name] = _steady(about, *permutation.apart(values), estimates.get(name))
    return by_score


def _steady(about: ScoreInfo, difference: Array, error: Array, estimate: Estimate | None) -> Tested:
    least = (about.margin or 0.0) / _STEADY
    steady = None if estimate is None else replace(estimate, error=max(estimate.error, least))
    return Tested(about, difference, np.maximum(error, least), steady)


def _judge(t: Tested, p: float, level: float, together: int) -> Verdict:
    """The verdict from the interval of the real groups' difference and from the test of all splits."""
    margin, estimate = float(t.about.margin or 0.0), t.estimate
    d = float(t.difference[0]) if estimate is None else estimate.difference
    low, high = (None, None) if estimate is None else (d - estimate.half(level, together), d + estimate.half(level, together))
    if low is not None and high is not None and high <= margin and (low >= -margin or is_distance(t.about)):
        return Verdict("indistinguishable", d, low, high, p, margin, level)
    if p <= level:
        more = bool(t.difference[0] > 0)
        if low is not None and high is not None:  # the test of all splits leaves out 0, and what lies beyond it
            low, high = (max(low, 0.0), max(high, 0.0)) if more else (min(low, 0.0), min(high, 0.0))
        why = (t.about.above if more else t.about.below) or f"{'larger' if more else 'smaller'} than after retraining"
        return Verdict("distinguishable", d, low, high, p, margin, level, why)
    room = margin - abs(d)
    if high is None:
        why = "to call them equal takes at least twice as many retrained models as unlearned ones"
    elif room > 0:
        why = f"about {math.ceil(((high - d) / room) ** 2)} times as many models would narrow the interval to the margin"
    else:
        why = "more models would narrow the interval"
    if low is not None and high is not None:
        low, high = min(low, 0.0), max(high, 0.0)  # which that test does not leave out
    return Verdict("too few models", d, low, high, p, margin, level, why)
