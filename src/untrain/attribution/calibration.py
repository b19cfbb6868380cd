"""The scale of attributions, fitted on models that the attributor never saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.maths.bootstrap import basic, inflated, resamples

Array = np.ndarray[Any, Any]
FEWEST = 8  # held-out models, of whose chance the interval is made
DRAWS = 1000


@dataclass(frozen=True)
class Multiplier:
    """Multipliers of attributions before they correct outputs.

    Args:
        value: slope of the change of outputs on the predicted change.
        low: lower end of its interval.
        high: upper end.
        explained: share of the squared change of outputs that the prediction, multiplied, accounts for; below 0 where it would be
            better to predict no change.
        models: number of held-out models that it was fitted on.
    """

    value: float
    low: float
    high: float
    explained: float
    models: int

    @property
    def factor(self) -> float:
        """The value where its interval lies above 0, else 0: what is not known to be above 0 corrects nothing."""
        return self.value if self.low > 0 else 0.0


@dataclass(frozen=True)
class Multipliers:
    """Multipliers of attributions, separate for an example's own outputs and for those of others.

    What an example does to its own outputs stands out from the noise of an attributor, what it does to most others does not; one
    factor for both would shrink the first by the noise of the second.

    Args:
        own: for outputs of the examples that are removed.
        others: for outputs of all others.
    """

    own: Multiplier
    others: Multiplier

    @classmethod
    def of(cls, parts: Mapping[str, Mapping[str, Any]]) -> Multipliers:
        """Those that ``dataclasses.asdict`` wrote."""
        return cls(*(Multiplier(**parts[name]) for name in ("own", "others")))

    def factors(self, own: Array) -> Array:
        """The factor of each output, in an array like ``own``, which says whether it is of an example that is removed."""
        return np.where(own, self.own.factor, self.others.factor)

    @property
    def doubt(self) -> str:
        """A line on what is not known to be above 0, and therefore corrects nothing; empty where all is."""
        named = (("their own outputs", self.own), ("outputs of others", self.others))
        unknown = [f"on {name}, {m.value:.2f} ({m.low:.2f} to {m.high:.2f})" for name, m in named if not m.factor]
        if not unknown:
            return ""
        return (
            f"no effect of examples is known where the multiplier may be 0: {'; '.join(unknown)}. Nothing is subtracted there; "
            "take more models, or more that are held out"
        )


def fit_multiplier(values: Array, removed: Array, outputs: Array, base: Array | None = None, level: float = 0.95) -> Multiplier:
    """Fit one factor for all values, on models that were trained without some of the examples and that no attributor saw.

    Attributions of half-subset models say what an example does among half of the data; TRAK's have the scale of a linear model.
    The slope of ``outputs - base`` on ``-sum of the values of what was removed``, pooled over examples and classes, is what they
    have to be multiplied by where they correct a model of all data.

    >>> rng = np.random.default_rng(0)
    >>> values, removed = rng.normal(size=(30, 5, 2)), rng.random((40, 30)) < 0.1
    >>> outputs = 1.0 - 0.5 * np.tensordot(removed, values, 1) + 0.01 * rng.normal(size=(40, 5, 2))
    >>> fitted = fit_multiplier(values, removed, outputs, base=np.ones((1, 5, 2)))
    >>> round(fitted.value, 2), fitted.low < fitted.value < fitted.high, round(fitted.explained, 2)
    (0.5, True, 1.0)

    Args:
        values: of r training examples for t outputs, (r, t, c).
        removed: which of the r examples a held-out model was trained without, bool (m, r); it was trained on all others.
        outputs: of the m held-out models, (m, t, c).
        base: outputs of models of all training data, (b, t, c), whose mean is where the change begins; None where there are none,
            such as of held-out half-subset models: then changes are from the mean of the held-out models.
        level: of the interval.

    Returns:
        The factor, with an interval by bootstrap over held-out models and, where there are several, over those of the base, to
        first order.

    Raises:
        DataError: shapes differ, models are too few, or nothing is predicted.
    """
    _check(values, removed, outputs, base)
    predicted, changed = _predicted(values, removed), np.asarray(outputs, dtype=np.float64)
    counted = np.ones(changed.shape[:2], dtype=bool)
    if base is not None:
        return _from_base(predicted, changed, np.asarray(base, dtype=np.float64), counted, level)
    slope = _slope(predicted - predicted.mean(0), changed - changed.mean(0), counted)
    return _multiplier(slope, slope.pulls, level)


def fit_multipliers(
    values: Array, removed: Array, outputs: Array, asked: Array, base: Array | None = None, level: float = 0.95
) -> Multipliers:
    """Fit two factors as ``fit_multiplier`` fits one: on outputs of what a held-out model was trained without, and on all others.

    >>> rng = np.random.default_rng(0)
    >>> values, removed = rng.normal(size=(30, 30, 2)), rng.random((40, 30)) < 0.1
    >>> effect = np.tensordot(removed, values, 1)
    >>> outputs = -np.where(removed[:, :, None], 0.9, 0.2) * effect + 0.01 * rng.normal(size=(40, 30, 2))
    >>> fitted = fit_multipliers(values, removed, outputs, asked=np.arange(30), base=np.zeros((1, 30, 2)))
    >>> round(fitted.own.value, 2), round(fitted.others.value, 2)
    (0.9, 0.2)

    Args:
        values: of r training examples for t outputs, (r, t, c).
        removed: which of the r examples a held-out model was trained without, bool (m, r); it was trained on all others.
        outputs: of the m held-out models, (m, t, c).
        asked: which of the r training examples each of the t is, int (t,).
        base: outputs of models of all training data, (b, t, c); None where there are none: then changes of an output are from its
            mean over the held-out models that were trained on its example.
        level: of the intervals.

    Raises:
        DataError: shapes differ, models are too few, nothing is predicted, or no asked example is one that a model lacks.
    """
    _check(values, removed, outputs, base)
    if asked.shape != outputs.shape[1:2] or asked.dtype.kind not in "iu" or asked.min() < 0 or asked.max() >= len(values):
        raise DataError(
            f"asked holds something other than a row: {outputs.shape[1]} whole numbers from 0 to {len(values) - 1} are needed"
        )
    lacking = removed[:, asked]
    if not lacking.any() or lacking.all():
        raise DataError("outputs of examples that a held-out model lacks, and of others, are needed: ask about both")
    predicted, changed = _predicted(values, removed), np.asarray(outputs, dtype=np.float64)
    if base is not None:
        start = np.asarray(base, dtype=np.float64)
        return Multipliers(*(_from_base(predicted, changed, start, counted, level) for counted in (lacking, ~lacking)))
    had = ~lacking & ~lacking.all(0)
    weights = had / np.maximum(had.sum(0), 1)
    means = [np.einsum("mt,mtc->tc", weights, table) for table in (predicted, changed)]
    others = _slope(predicted - means[0], changed - means[1], had)
    # Where changes of an example's own output begin: at what models with it put out, less what these lack of others.
    own = _slope(predicted, changed - (means[1] - others.value * means[0]), lacking & ~lacking.all(0))
    # A model pulls at the own slope by its own changes, as a part of where those of others begin, and by the other slope.
    begins = np.einsum("mt,tc,mtc->m", weights, own.weight, changed - means[1] - others.value * (predicted - means[0]))
    pulls = own.pulls - begins + others.pulls * (own.weight * means[0]).sum()
    return Multipliers(_multiplier(own, pulls, level), _multiplier(others, others.pulls, level))


@dataclass(frozen=True, eq=False)
class _Slope:
    """Slope of changes on predictions.

    Args:
        value: the slope.
        pulls: by how much each model pulls at it, (m,).
        weight: by how much it falls where the beginning of an output's changes rises, (t, c).
        explained: share of the squared changes.
    """

    value: float
    pulls: Array
    weight: Array
    explained: float


def _predicted(values: Array, removed: Array) -> Array:
    """Predicted changes of outputs, (m, t, c)."""
    lacked = removed.any(0)
    return -np.tensordot(removed[:, lacked].astype(np.float64), values[lacked], 1)


def _slope(predicted: Array, changed: Array, counted: Array) -> _Slope:
    """The slope over those pairs of a model and an output that count, bool (m, t)."""
    predicted, changed = (np.where(counted[:, :, None], table, 0.0) for table in (predicted, changed))
    total = (predicted**2).sum()
    if not total > 0:
        raise DataError("the values predict no change of any output by any held-out model: there is nothing to scale")
    value = float((predicted * changed).sum() / total)
    missed = changed - value * predicted
    explained = 1 - (missed**2).sum() / max((changed**2).sum(), np.finfo(np.float64).tiny)
    return _Slope(value, (predicted * missed).sum((1, 2)) / total, predicted.sum(0) / total, float(explained))


def _from_base(predicted: Array, outputs: Array, base: Array, counted: Array, level: float) -> Multiplier:
    """The multiplier of changes from the mean of models of all training data."""
    away = base - base.mean(0)
    slope = _slope(predicted, outputs - base.mean(0), counted)
    return _multiplier(slope, slope.pulls, level, -(away * slope.weight).sum((1, 2)) / len(base) if len(base) > 1 else None)


def _multiplier(slope: _Slope, pulls: Array, level: float, of_base: Array | None = None) -> Multiplier:
    """A slope with its interval, of models by how much they, and those of the base, pull at it."""
    draws = slope.value + inflated(resamples(len(pulls), DRAWS, 0, "held-out models"), level) @ pulls
    if of_base is not None:
        draws = draws + inflated(resamples(len(of_base), DRAWS, 0, "base models"), level) @ of_base
    low, high = basic(slope.value, draws, -np.inf, np.inf, level)
    return Multiplier(slope.value, low, high, slope.explained, len(pulls))


def _check(values: Array, removed: Array, outputs: Array, base: Array | None) -> None:
    shapes = f"values have shape {values.shape}, removed {removed.shape} and outputs {outputs.shape}"
    fits = (
        values.ndim == outputs.ndim == 3 and removed.shape == (len(outputs), len(values)) and values.shape[1:] == outputs.shape[1:]
    )
    if not fits or removed.dtype != bool:
        raise DataError(f"{shapes}: (rows, examples, classes), bool (models, rows) and (models, examples, classes) are needed")
    if base is not None and (base.ndim != 3 or base.shape[1:] != outputs.shape[1:] or not len(base)):
        raise DataError(f"base has shape {base.shape}: (models, {outputs.shape[1]}, {outputs.shape[2]}) is needed")
    if len(outputs) < FEWEST:
        raise DataError(f"a multiplier is fitted on {FEWEST} held-out models or more; there are {len(outputs)}")
    if not all(np.isfinite(a).all() for a in (values, outputs, *(() if base is None else (base,)))):
        raise DataError("values or outputs hold NaN or infinite numbers: leave out the models that gave them")
