"""The scale of attributions, fitted on models that the attributor never saw."""

from __future__ import annotations

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
    """What attributions are to be multiplied by before they correct outputs.

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
    predicted = -np.tensordot(removed.astype(np.float64), values, 1).reshape(len(removed), -1)
    changed = np.asarray(outputs, dtype=np.float64).reshape(len(outputs), -1)
    start = changed if base is None else np.asarray(base, dtype=np.float64).reshape(len(base), -1)
    changed = changed - start.mean(0)
    if base is None:
        predicted = predicted - predicted.mean(0)
    square = (predicted**2).sum(1)
    total = square.sum()
    if not total > 0:
        raise DataError("the values predict no change of any output by any held-out model: there is nothing to scale")
    along = (predicted * changed).sum(1)
    value = float(along.sum() / total)
    # By how much each model pulls at the slope; that of a model of the base is the same for all that begin there.
    pulls = (along - value * square) / total
    draws = value + inflated(resamples(len(pulls), DRAWS, 0, "held-out models"), level) @ pulls
    if base is not None and len(start) > 1:
        of_base = -(start - start.mean(0)) @ predicted.sum(0) / (total * len(start))
        draws = draws + inflated(resamples(len(start), DRAWS, 0, "base models"), level) @ of_base
    low, high = basic(value, draws, -np.inf, np.inf, level)
    explained = 1 - ((changed - value * predicted) ** 2).sum() / max((changed**2).sum(), np.finfo(np.float64).tiny)
    return Multiplier(value, low, high, float(explained), len(removed))


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
