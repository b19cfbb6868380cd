"""Values of scores in many splits of the same models into two groups."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from untrain.core.errors import RunFailed
from untrain.evaluation.base import Array, Evaluator, Measured, Splits
from untrain.evaluation.scoring.resampling import number


def values_in(evaluator: Evaluator, splits: Splits) -> dict[str, Array]:
    """Value of each score in each split, (b,); NaN in a split where it has none.

    They come from all splits at once where the evaluator can do that, and from one after the other where not.
    """
    if not len(splits):
        return {}
    at_once = evaluator.in_splits(splits)
    return one_by_one(evaluator, splits, len(splits)) if at_once is None else dict(at_once)


def one_by_one(evaluator: Evaluator, splits: Splits, count: int) -> dict[str, Array]:
    """Value of each score in the first ``count`` splits, one after the other."""
    each = []
    for at in range(count):  # the tables of a split go before those of the next are made
        measured = evaluator.evaluate(splits.trial(at))
        each.append({name: _number(m) for name, m in measured.items() if splits.like.asks(name)})
    return {name: np.array([values.get(name, np.nan) for values in each]) for name in set().union(*each)}


def compared(evaluator: Evaluator, splits: Splits, at_once: Mapping[str, Array], count: int = 1) -> dict[str, Array]:
    """Check the shapes of what an evaluator gives for all splits at once, and that the first splits score so by themselves.

    Raises:
        RunFailed: they do not.
    """
    cure = "define it as evaluate, or let it return None"
    shapes = {name: np.shape(values) for name, values in at_once.items()}
    for name, shape in shapes.items():
        if shape != (len(splits),) or np.asarray(at_once[name]).dtype.kind not in "fiub":
            raise RunFailed(f"in_splits of {evaluator!r} gives {name} the shape {shape}, and not a number for each split: {cure}")
    for name, plain in one_by_one(evaluator, splits, count).items():
        found = np.asarray(at_once.get(name, np.full(count, np.nan)), dtype=np.float64)[:count]
        apart = ~np.isclose(found, plain, rtol=1e-6, atol=1e-9, equal_nan=True)
        if apart.any():
            at = int(np.flatnonzero(apart)[0])
            both = f"{found[at]:.6g} for {name} of a split that evaluate gives {plain[at]:.6g}"
            raise RunFailed(f"in_splits of {evaluator!r} gives {both}: {cure}")
    return dict(at_once)


def _number(measured: Measured | str) -> float:
    return np.nan if isinstance(measured, str) else number(measured)
