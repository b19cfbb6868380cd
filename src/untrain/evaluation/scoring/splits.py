"""Values of scores in many splits of the same models into two groups."""

from __future__ import annotations

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Measured, Splits
from untrain.evaluation.scoring.resampling import number


def values_in(evaluator: Evaluator, splits: Splits) -> dict[str, Array]:
    """Value of each score in each split, (b,); NaN in a split where it has none.

    They come from all splits at once where the evaluator can do that, and from one after the other where not.
    """
    if not len(splits):
        return {}
    at_once = evaluator.in_splits(splits)
    if at_once is not None:
        return dict(at_once)
    each = []
    for at in range(len(splits)):  # the tables of a split go before those of the next are made
        measured = evaluator.evaluate(splits.trial(at))
        each.append({name: _number(m) for name, m in measured.items() if splits.like.asks(name)})
    return {name: np.array([values.get(name, np.nan) for values in each]) for name in set().union(*each)}


def _number(measured: Measured | str) -> float:
    return np.nan if isinstance(measured, str) else number(measured)
