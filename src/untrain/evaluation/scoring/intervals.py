"""From tables to scores: value, interval, floor, ceiling, ideal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Formula, Measure, Measured, Part, Prepared, Rate, Score, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.rare_errors import padded, wilson
from untrain.evaluation.scoring.resampling import aims_at_zero, cut, drawn, joint, number, owners_of, per_model, resampled, tables
from untrain.maths import bootstrap
from untrain.maths.distributions import t_quantile
from untrain.maths.quantile_interval import quantile_interval

Measures = Mapping[str, Measured | str]


@dataclass(frozen=True)
class ReferenceScore:
    """The yardstick of one score of a method; the same for all methods with as many models.

    Args:
        ideal: the oracles' score.
        floor: that of disjoint groups of oracles against each other.
        ceiling: that of the originals.
        band: where the score of further oracles would lie.
    """

    ideal: float | None = None
    floor: float | None = None
    ceiling: float | None = None
    band: tuple[float, float] | None = None


def reference_scores(
    evaluator: Evaluator, ready: Mapping[str, Array], outputs: Observation, models: int, seed: int = 0
) -> dict[str, ReferenceScore]:
    """Scores of the oracles and the originals by one evaluator, for methods with so many models."""
    measure = _measure(evaluator, ready, outputs)
    best = measure(ready["oracle"], ready["oracle"])
    worst: Measures = measure(ready["original"], ready["oracle"]) if "original" in ready else {}
    lows = _floors(measure, best, ready["oracle"], models, seed)
    alike = len(ready.get("original", ())) == models
    return {
        name: ReferenceScore(
            _ideal(best.get(name), lows.get(name), about), lows.get(name), _ceiling(worst.get(name), alike),
            _band(best.get(name, ""), models),
        )
        for name, about in evaluator.scores.items()
    }  # fmt: skip


def compare(
    evaluator: Evaluator, ready: Mapping[str, Array], outputs: Observation, draws: int = 1000, seed: int = 0,
    known: Mapping[str, ReferenceScore] | None = None,
) -> dict[str, Score]:  # fmt: skip
    """Scores from prepared populations ``unlearned``, ``oracle`` and, where there are any, ``original``.

    ``outputs`` has the sides and labels. Without originals there is no ceiling. ``known`` is what
    ``reference_scores`` returned for as many models.
    """
    owners, m, k = owners_of(outputs), len(ready["unlearned"]), len(ready["oracle"])
    known = reference_scores(evaluator, ready, outputs, m, seed) if known is None else known
    here = _measure(evaluator, ready, outputs)(ready["unlearned"], ready["oracle"])
    bare = f"no floor: it needs {2 * m} oracles, as many on each side as there are unlearned models"
    scores = {}
    for name, about in evaluator.scores.items():
        if name not in here:
            continue
        ours, ref = here[name], known[name]
        if isinstance(ours, str):
            scores[name] = Score(None, floor=ref.floor, ceiling=ref.ceiling, ideal=ref.ideal, reason=ours)
            continue
        score = _interval(ours, about, draws, seed, owners)
        # Beyond rounding, which differs with the order of summation.
        under = bool(about.below and ref.band and score.value is not None and score.value < ref.band[0] - 1e-9)
        note = about.below if under else None if ref.floor is not None or k >= 2 * m else bare
        scores[name] = replace(score, floor=ref.floor, ceiling=ref.ceiling, ideal=ref.ideal, band=ref.band, note=note)
    return scores


def _measure(evaluator: Evaluator, ready: Mapping[str, Array], outputs: Observation) -> Callable[[Array, Array], Measures]:
    """Scores of unlearned models against oracles by one evaluator."""
    noisy = bool(np.any(outputs.labels != outputs.true))

    def measure(unlearned: Array, oracle: Array) -> Measures:
        return evaluator.evaluate(Prepared(unlearned, oracle, np.asarray(outputs.side), noisy, ready.get("original")))

    return measure


def _ideal(best: Measured | str | None, floor: float | None, about: ScoreInfo) -> float | None:
    """The oracles' score: against themselves, or where that would compare a model with itself, against other oracles."""
    if best is None or isinstance(best, str) or aims_at_zero(about) or not joint(best):
        return _number(best)
    return floor


def _ceiling(worst: Measured | str | None, alike: bool) -> float | None:
    """The originals' score; None where its size depends on the number of models and theirs is another."""
    if worst is None or isinstance(worst, str) or (not alike and any(kind == "both" for kind, _, _ in tables(worst))):
        return None
    return number(worst)


def _number(measured: Measured | str | None) -> float | None:
    return None if measured is None or isinstance(measured, str) else number(measured)


def _interval(measured: Measured, about: ScoreInfo, draws: int, seed: int, owners: Mapping[str, Array] | None = None) -> Score:
    """Value and interval: that of the bootstrap, widened to what errors too rare to be in the sample leave open.

    A quantile has that of order statistics: the bootstrap turns round what it draws, and would reach to where no value lies.
    """
    value, owners = number(measured), owners or {}
    if isinstance(measured, Measure) and measured.quantile is not None and measured.quantile < 1:
        low, high = _of_quantile(measured.parts[0], measured.quantile, about, owners)
        return Score(value, min(low, value), max(high, value), resampled="owners" if owners else "examples")
    low, high = bootstrap.basic(value, drawn(measured, draws, seed, owners), about.low, about.high)
    ends = _with_rare_errors(measured, about, draws, seed, owners)
    if ends is not None:
        low, high = max(about.low, min(low, ends[0])), min(about.high, max(high, ends[1]))
    return Score(value, low, high, resampled=resampled(measured).replace("examples", "owners" if owners else "examples"))


def _of_quantile(part: Part, q: float, about: ScoreInfo, owners: Mapping[str, Array]) -> tuple[float, float]:
    """Ends of the interval of a quantile over examples."""
    owner, values = owners.get(part.side), part.values.mean(0)
    alike = owner if owner is not None and len(owner) == len(values) else None
    return quantile_interval(values, q, about.low, about.high, alike)


def _with_rare_errors(
    measured: Measured, about: ScoreInfo, draws: int, seed: int, owners: Mapping[str, Array]
) -> tuple[float, float] | None:
    """Ends that allow for errors which no example of the sample shows, of a share."""
    if isinstance(measured, Rate):
        owner = owners.get("forget")
        return wilson(number(measured), measured.members.shape[1] if owner is None else int(owner.max()) + 1)
    more = padded(measured, about.unit, owners)
    if more is None:
        return None
    centre = number(more[0])
    half = float(np.quantile(np.abs(drawn(more[0], draws, seed, more[1]) - centre), 0.95))
    return centre - half, centre + half


def _floors(
    measure: Callable[[Array, Array], Measures], best: Measures, oracle: Array, size: int, seed: int, splits: int = 40
) -> dict[str, float]:
    """Scores of disjoint groups of oracles against each other, averaged over splits; their size where the ideal is 0.

    The groups have as many models as the unlearned population has, where there are enough oracles, else half of them. A
    score whose size depends on the number of models, as a divergence between populations does, has no floor then.
    """
    count = len(oracle)
    half = min(size, count // 2)
    there = {n: m for n, m in best.items() if not isinstance(m, str)}
    linked = {n for n, m in there.items() if joint(m)}
    if half == 0:
        return {}
    rng = np.random.default_rng((seed, count))
    orders = [rng.permutation(count) for _ in range(splits if count > 2 else 1)]
    groups = [(order[:half], order[half : 2 * half]) for order in orders]
    values = {n: [number(cut(m, a, b)) for a, b in groups] for n, m in there.items() if n not in linked}
    if half == size and len(values) < len(best):
        for a, b in groups[:8]:
            for name, m in measure(oracle[a], oracle[b]).items():
                if name not in there or name in linked:
                    values.setdefault(name, []).extend([] if isinstance(m, str) else [number(m)])
    centred = {n for n, m in best.items() if not isinstance(m, str) and not joint(m) and abs(number(m)) < 1e-12}
    return {n: float(np.mean(np.abs(v) if n in centred else v)) for n, v in values.items() if v}


def _band(best: Measured | str, size: int) -> tuple[float, float] | None:
    """Prediction interval for the score of ``size`` further oracles, from the spread over oracles (Student's t)."""
    if isinstance(best, str | Formula):
        return None
    each = per_model(best)
    count = len(each)
    if count < 3:
        return None
    half = float(t_quantile(0.975, count - 1) * np.std(each, ddof=1) * np.sqrt(1 / count + 1 / size))
    return number(best) - half, number(best) + half
