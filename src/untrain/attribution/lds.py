"""Linear datamodeling score: how well attributions rank models that they never saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.maths.bootstrap import basic, resamples
from untrain.maths.distributions import average_ranks

Array = np.ndarray[Any, Any]
FEWEST = 20  # held-out models: with fewer, a rank correlation of one output is chance
DRAWS, BLOCK = 1000, 100


@dataclass(frozen=True)
class LinearDatamodelingScore:
    """Mean over outputs of the rank correlation between predicted and actual outputs of held-out models.

    Args:
        value: the mean, in [-1, 1].
        low: lower end of its interval.
        high: upper end.
        targets: number of outputs in the mean.
        still: number of outputs left out, as they, or their predictions, are the same in all held-out models.
        models: number of held-out models.
    """

    value: float
    low: float
    high: float
    targets: int
    still: int
    models: int


def linear_datamodeling_score(predicted: Array, actual: Array, level: float = 0.95) -> LinearDatamodelingScore:
    """Mean of Spearman's correlations over outputs, with an interval over held-out models and outputs.

    Take training examples and others apart: a model that saw an example shows it, so their scores differ.

    >>> rng = np.random.default_rng(0)
    >>> actual = rng.normal(size=(40, 50))
    >>> linear_datamodeling_score(actual, actual).value
    1.0
    >>> score = linear_datamodeling_score(rng.normal(size=(40, 50)), actual)
    >>> score.low < 0 < score.high
    True

    Args:
        predicted: outputs that attributions predict of m held-out models, such as margins, (m, t).
        actual: their actual outputs, (m, t).
        level: of the interval.

    Returns:
        The mean; its interval is a bootstrap of models and outputs at once, for other models of the kind and other examples. The
        models that the attributor is made of are not drawn again: it is the score of these attributions.

    Raises:
        DataError: shapes differ, models are too few, or no output has a spread.

    Source: Park et al. 2023 (TRAK), arXiv 2303.14186, section 2.
    Departs: the interval; correlations within a resample are of the ranks among all models.
    """
    if predicted.ndim != 2 or predicted.shape != actual.shape:
        raise DataError(f"predicted has shape {predicted.shape} and actual {actual.shape}: (models, outputs) both are needed")
    m = len(actual)
    if m < FEWEST:
        raise DataError(f"a linear datamodeling score takes {FEWEST} held-out models or more; there are {m}")
    if not (np.isfinite(predicted).all() and np.isfinite(actual).all()):
        raise DataError("predicted or actual outputs hold NaN or infinite numbers: leave out the models that gave them")
    moving = (np.ptp(predicted, axis=0) > 0) & (np.ptp(actual, axis=0) > 0)
    if not moving.any():
        raise DataError("all outputs, or their predictions, are the same in all held-out models: there are no ranks to compare")
    a, b = (average_ranks(table[:, moving], axis=0) - (m + 1) / 2 for table in (predicted, actual))
    value = float(_correlations(np.ones((1, m)), a, b).mean())
    targets = int(moving.sum())
    models, outputs = resamples(m, DRAWS, 0, "held-out models"), resamples(targets, DRAWS, 0, "targets")
    draws = np.concatenate([
        (_correlations(models[at : at + BLOCK].astype(np.float64), a, b) * outputs[at : at + BLOCK]).sum(1) / targets
        for at in range(0, DRAWS, BLOCK)
    ])  # fmt: skip
    low, high = basic(value, draws, -1.0, 1.0, level)
    return LinearDatamodelingScore(value, low, high, targets, len(moving) - targets, m)


def _correlations(counts: Array, a: Array, b: Array) -> Array:
    """Correlation of each column of two tables (m, t) when their rows count so often, (d, t)."""
    m = len(a)
    mean_a, mean_b = counts @ a / m, counts @ b / m
    both = counts @ (a * b) / m - mean_a * mean_b
    square = (counts @ a**2 / m - mean_a**2) * (counts @ b**2 / m - mean_b**2)
    return np.asarray(both / np.sqrt(np.maximum(square, np.finfo(np.float64).tiny)))


def predicted_outputs(values: Array, seen: Array, centre: Array, share: float | Array = 0.5) -> Array:
    """Outputs that attributions predict of models that saw some of the examples, (m, t, c).

    >>> values = np.array([[[1.0]], [[2.0]]])
    >>> predicted_outputs(values, np.array([[True, True], [True, False]]), centre=np.array([[5.0]])).tolist()
    [[[6.5]], [[4.5]]]

    Args:
        values: of all n training examples for t outputs, (n, t, c).
        seen: which of them a model was trained on, bool (m, n).
        centre: mean output of the models that the attributions are of, (t, c).
        share: of the models that saw an example in that mean, a number or (n,).
    """
    if values.ndim != 3 or seen.ndim != 2 or seen.shape[1] != len(values) or centre.shape != values.shape[1:]:
        shapes = f"values have shape {values.shape}, seen {seen.shape} and centre {centre.shape}"
        raise DataError(f"{shapes}: (rows, examples, classes), (models, rows) and (examples, classes) are needed")
    away = (seen - np.asarray(share)).astype(np.float32)
    flat = away @ values.reshape(len(values), -1).astype(np.float32)
    return np.asarray(centre + flat.reshape(len(seen), *values.shape[1:]))
