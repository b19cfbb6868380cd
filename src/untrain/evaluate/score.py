"""From tables to scores: value, interval, floor, ceiling, ideal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from untrain.core.evaluator import About, Array, Evaluator, Measure, Part, Prepared, Score
from untrain.core.records import Observation, Trial
from untrain.maths import bootstrap

Measures = dict[str, "Measure | str"]


def score(evaluator: Evaluator, trial: Trial, draws: int = 1000, seed: int = 0) -> dict[str, Score]:
    """All scores of one evaluator on one trial.

    Args:
        evaluator: what is computed.
        trial: the original, the unlearned and the oracle models' answers on the same examples.
        draws: resamples behind each interval.
        seed: of the resampling.
    """
    ready = {name: evaluator.prepare(getattr(trial, name)) for name in ("original", "unlearned", "oracle")}
    return compare(evaluator, ready, trial.oracle, draws, seed)


def compare(evaluator: Evaluator, ready: dict[str, Array], seen: Observation, draws: int = 1000, seed: int = 0) -> dict[str, Score]:
    """Scores from prepared populations ``original``, ``unlearned`` and ``oracle``; ``seen`` tells sides and labels."""
    noisy = bool(np.any(seen.labels != seen.true))

    def measure(unlearned: Array, oracle: Array) -> Measures:
        return evaluator.evaluate(Prepared(unlearned, oracle, np.asarray(seen.side), noisy))

    here = measure(ready["unlearned"], ready["oracle"])
    best = measure(ready["oracle"], ready["oracle"])
    worst = measure(ready["original"], ready["oracle"])
    lows = _floors(measure, best, ready["oracle"], len(ready["unlearned"]), seed)
    found = {}
    for name, about in evaluator.scores.items():
        if name not in here:
            continue
        ours = here[name]
        ceiling, ideal = _number(worst.get(name)), _number(best.get(name))
        if isinstance(ours, str):
            found[name] = Score(None, floor=lows.get(name), ceiling=ceiling, ideal=ideal, reason=ours)
            continue
        made = _interval(ours, about, draws, seed)
        band = _band(best[name], len(ready["unlearned"]))
        # Beyond rounding, which differs with the order of summation.
        under = bool(about.below and band and made.value is not None and made.value < band[0] - 1e-9)
        bare = f"no floor: it needs {2 * len(ready['unlearned'])} oracles, as many on each side as there are unlearned models"
        note = about.below if under else None if name in lows else bare
        found[name] = replace(made, floor=lows.get(name), ceiling=ceiling, ideal=ideal, band=band, note=note)
    return found


def number(measure: Measure) -> float:
    """The value of a measure.

    Raises:
        ValueError: a quantile of more than one table is asked for.
    """
    if measure.quantile is None:
        return float(sum(part.sign * part.values.mean() for part in measure.parts))
    (part,) = measure.parts
    return float(_quantiles(part, measure.quantile, np.ones((1, part.values.shape[1])))[0])


def _number(measure: Measure | str | None) -> float | None:
    return number(measure) if isinstance(measure, Measure) else None


def _interval(measure: Measure, about: About, draws: int, seed: int) -> Score:
    """Value and interval; models are drawn by population, examples by side, the same for all parts."""
    value = number(measure)
    total = np.zeros(draws)
    for p in measure.parts:
        columns = bootstrap.resamples(p.values.shape[1], draws, seed, f"examples {p.side}")
        if measure.quantile is not None:
            total += _quantiles(p, measure.quantile, columns)
            continue
        rows = bootstrap.resamples(len(p.values), draws, seed, f"models {p.population}")
        rows = np.ones_like(rows) if p.population == "both" else bootstrap.inflated(rows)
        total += p.sign * bootstrap.resampled_means(p.values, rows, columns)
    low, high = bootstrap.basic(value, total, about.low, about.high)
    return Score(value, low, high, resampled=_resampled(measure))


def _resampled(measure: Measure) -> str:
    """What an interval knows of: a single model tells nothing of how models differ."""
    drawn = {p.population for p in measure.parts if len(p.values) > 1 and p.population != "both"}
    there = {p.population for p in measure.parts if p.population != "both"}
    if measure.quantile is not None or not drawn:
        return "examples"
    return "models and examples" if drawn == there else f"{drawn.pop()} models and examples"


def _quantiles(part: Part, q: float, counts: Array) -> Array:
    """Quantile over resampled examples of the mean over models: the least value that a share q does not exceed."""
    values = part.values.mean(0)
    order = np.argsort(values)
    at = [int((np.cumsum(row[order], dtype=np.float64) >= q * len(values) - 1e-9).argmax()) for row in counts]
    return np.asarray(values[order][at])


def _floors(measure, best: Measures, oracle: Array, size: int, seed: int, splits: int = 40) -> dict[str, float]:  # type: ignore[no-untyped-def]
    """What disjoint groups of oracles score against each other, averaged over splits; its size where the ideal is 0.

    The groups have as many models as the unlearned population has, where there are enough oracles, else half of them. A
    score whose size depends on the number of models, as a divergence between populations does, has no floor then.
    """
    count = len(oracle)
    half = min(size, count // 2)
    paired = any(isinstance(m, Measure) and any(p.population == "both" for p in m.parts) for m in best.values())
    if half == 0 or (paired and half < size):
        return {}
    rng = np.random.default_rng((seed, count))
    orders = [rng.permutation(count) for _ in range(splits if count > 2 else 1)]
    found: dict[str, list[float]] = {}
    joint = paired or any(isinstance(m, str) for m in best.values())
    for order in orders[:8] if joint else orders:
        a, b = order[:half], order[half : 2 * half]
        split = measure(oracle[a], oracle[b]) if joint else {n: _cut(m, a, b) for n, m in best.items() if isinstance(m, Measure)}
        for name, m in split.items():
            if isinstance(m, Measure):
                found.setdefault(name, []).append(number(m))
    centred = {n for n, m in best.items() if isinstance(m, Measure) and abs(number(m)) < 1e-12}
    return {n: float(np.mean(np.abs(v) if n in centred else v)) for n, v in found.items()}


def _cut(measure: Measure, a: Array, b: Array) -> Measure:
    rows = {"unlearned": a, "oracle": b}
    return Measure(tuple(replace(p, values=p.values[rows[p.population]]) for p in measure.parts), measure.quantile)


def _band(best: Measure | str, size: int) -> tuple[float, float] | None:
    """Prediction interval for the score of ``size`` further oracles, from the spread over oracles (Student's t)."""
    if isinstance(best, str) or best.quantile is not None or any(p.population == "both" for p in best.parts):
        return None
    count = len(best.parts[0].values)
    ours = [p for p in best.parts if p.population == "unlearned"]
    if count < 3 or not ours:
        return None
    per_model = sum(p.sign * p.values.mean(1) for p in ours)
    half = float(stats.t.ppf(0.975, count - 1) * np.std(per_model, ddof=1) * np.sqrt(1 / count + 1 / size))
    return number(best) - half, number(best) + half
