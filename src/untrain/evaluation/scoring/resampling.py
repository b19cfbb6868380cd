"""The value of a measure, and its values when models and examples are drawn anew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from untrain.evaluation.base import Array, Formula, Measure, Measured, Part, Rate, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.maths import bootstrap
from untrain.maths.roc import rates

_BLOCK = 100  # resamples that are worked on together


def number(measured: Measured) -> float:
    """The value of a measure.

    Raises:
        ValueError: the caller wants a quantile of more than one table.
    """
    if isinstance(measured, Formula):
        return float(measured.combine(*(np.array([number(t)]) for t in measured.terms))[0])
    if isinstance(measured, Rate):
        return float(per_model(measured).mean())
    if measured.quantile is None:
        return float(sum(part.sign * part.values.mean() for part in measured.parts))
    (part,) = measured.parts
    return float(_quantiles(part, measured.quantile, np.ones((1, part.values.shape[1])))[0])


def drawn(measured: Measured, draws: int, seed: int, owners: Mapping[str, Array] | None = None) -> Array:
    """Values of a measure in ``draws`` resamples, (draws,).

    Models are drawn by population and examples by side, the same for all that shares them.

    Args:
        measured: the measure.
        draws: number of resamples.
        seed: of the drawing.
        owners: side -> number of each example's owner, where owners are drawn, with all that is theirs, and not single examples.
    """
    if isinstance(measured, Formula):
        return np.asarray(measured.combine(*(drawn(t, draws, seed, owners) for t in measured.terms)))
    if isinstance(measured, Rate):
        ends = ((measured.members, "forget"), (measured.others, "test"))
        columns = [_columns(table, side, draws, seed, owners) for table, side in ends]
        rows = _rows(measured.population, len(measured.members), draws, seed)
        each = np.stack([_rate(measured, k, *columns) for k in range(len(measured.members))], axis=1)
        return np.asarray((each * rows).mean(1))
    total = np.zeros(draws)
    for p in measured.parts:
        columns_ = _columns(p.values, p.side, draws, seed, owners)
        if measured.quantile is not None:
            total += _quantiles(p, measured.quantile, columns_)
            continue
        total += p.sign * bootstrap.resampled_means(p.values, _rows(p.population, len(p.values), draws, seed), columns_)
    return total


def resampled(measured: Measured) -> str:
    """The resampled things that an interval covers: a single model says nothing about how models differ."""
    read = list(tables(measured))
    drawn_ = {population for population, count, _ in read if count > 1 and population != "both"}
    there = {population for population, _, _ in read if population != "both"}
    if any(quantile for _, _, quantile in read) or not drawn_:
        return "examples"
    return "models and examples" if drawn_ == there else f"{drawn_.pop()} models and examples"


def tables(measured: Measured) -> Iterator[tuple[str, int, bool]]:
    """Population, number of models and whether a quantile is read, of each table in a measure."""
    if isinstance(measured, Formula):
        for term in measured.terms:
            yield from tables(term)
    elif isinstance(measured, Rate):
        yield measured.population, len(measured.members), False
    else:
        yield from ((p.population, len(p.values), measured.quantile is not None) for p in measured.parts)


def joint(measured: Measured) -> bool:
    """Return whether a measure has to be evaluated anew for each split of the models."""
    if isinstance(measured, Formula):
        return any(map(joint, measured.terms))
    if isinstance(measured, Rate):
        return measured.population == "both"
    return measured.joint or any(p.population == "both" for p in measured.parts)


def aims_at_zero(about: ScoreInfo) -> bool:
    """Return whether the ideal of a score is 0, as of a gap or a distance, whatever the oracles are like."""
    return re.match(r"0(?!\.?\d)", about.ideal) is not None


def per_model(measured: Measured) -> Array:
    """Each unlearned model's part in a measure, (m,), where it has one; else an empty array."""
    if isinstance(measured, Formula) or joint(measured):
        return np.empty(0)
    if isinstance(measured, Rate):
        ones = [np.ones((1, table.shape[1])) for table in (measured.members, measured.others)]
        return np.array([_rate(measured, k, *ones)[0] for k in range(len(measured.members))])
    ours = [p for p in measured.parts if p.population == "unlearned"]
    if measured.quantile is not None or not ours:
        return np.empty(0)
    return np.asarray(sum(p.sign * p.values.mean(1) for p in ours))


def cut(measured: Measured, unlearned: Array, oracle: Array) -> Measured:
    """The measure of some models alone: rows of its tables by population. It must not be joint."""
    if isinstance(measured, Formula):
        terms: tuple[Any, ...] = tuple(cut(t, unlearned, oracle) for t in measured.terms)
        return replace(measured, terms=terms)
    rows = {"unlearned": unlearned, "oracle": oracle}
    if isinstance(measured, Rate):
        at = rows[measured.population]
        return replace(measured, members=measured.members[at], others=measured.others[at])
    return Measure(tuple(replace(p, values=p.values[rows[p.population]]) for p in measured.parts), measured.quantile)


def _rate(measured: Rate, model: int, members: Array, others: Array) -> Array:
    return rates(measured.members[model], measured.others[model], measured.fpr, measured.weights, members, others)


def owners_of(outputs: Observation) -> dict[str, Array]:
    """Side -> number of each example's owner, of sides where an owner has several examples."""
    if outputs.owner is None:
        return {}
    side = np.asarray(outputs.side)
    numbers = {name: np.unique(outputs.owner[side == name], return_inverse=True)[1] for name in np.unique(side).tolist()}
    return {name: owner for name, owner in numbers.items() if owner.max() + 1 < len(owner)}


def _columns(table: Array, side: str, draws: int, seed: int, owners: Mapping[str, Array] | None) -> Array:
    owner, n = (owners or {}).get(side), table.shape[1]
    if owner is None or len(owner) != n:  # a score of some of a side's examples takes them as each for itself
        return bootstrap.resamples(n, draws, seed, f"examples {side}")
    counts = bootstrap.resamples(int(owner.max()) + 1, draws, seed, f"owners {side}")[:, owner].astype(np.float64)
    return np.asarray(counts * (n / counts.sum(1, keepdims=True)))  # owners differ in size, and a mean is over what was drawn


def _rows(population: str, count: int, draws: int, seed: int) -> Array:
    rows = bootstrap.resamples(count, draws, seed, f"models {population}")
    return np.ones_like(rows) if population == "both" else bootstrap.inflated(rows)


def _quantiles(part: Part, q: float, counts: Array) -> Array:
    """Quantile over resampled examples of the mean over models: the least value that a share q does not exceed."""
    values = part.values.mean(0)
    order = np.argsort(values)
    blocks = (counts[start : start + _BLOCK][:, order] for start in range(0, len(counts), _BLOCK))
    at = [(np.cumsum(block, axis=1, dtype=np.float64) >= q * len(values) - 1e-9).argmax(1) for block in blocks]
    return np.asarray(values[order][np.concatenate(at)])
