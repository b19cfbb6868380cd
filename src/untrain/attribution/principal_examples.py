"""Examples at the ends of the principal components of a table of attributions: groups that act on models alike."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from scipy.sparse.linalg import LinearOperator, aslinearoperator, svds

from untrain.attribution.memorization import difference_weights
from untrain.core.errors import DataError
from untrain.maths.extremes import End, extremes

Array = np.ndarray[Any, Any]


def component_scores(table: Array, component: int = 1) -> Array:
    """Coordinates of training examples along one principal component of their attributions, float64 (n,).

    A row of the table is what an example does to all outputs; rows of two examples that act alike are alike. The sign is such that
    the coordinate furthest from 0 is positive, as the sign of a component means nothing.

    >>> table = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.1, 0.0]])
    >>> component_scores(table, 1).round(1).tolist()
    [-0.5, 2.5, -1.5, -0.5]

    Args:
        table: attributions (n, t), such as those of n training examples for their own margins, (n, n).
        component: which one, from 1.

    Raises:
        DataError: there is no such component, or values are NaN or infinite.
    """
    if table.ndim != 2 or not np.isfinite(table).all():
        raise DataError(f"a table of shape {table.shape} cannot be taken apart: finite numbers (examples, outputs) are needed")
    rows = np.asarray(table, dtype=np.float64)
    return _scores(aslinearoperator(rows - rows.mean(0)), component)


def component_scores_of_models(outputs: Array, seen: Array, component: int = 1) -> Array:
    """Coordinates along a principal component of the table of ``mean_differences``, which is never made.

    Memory is that of the outputs, and of one number for each model and example.

    >>> from untrain.attribution.memorization import mean_differences
    >>> rng = np.random.default_rng(0)
    >>> seen, outputs = rng.random((16, 9)) < 0.5, rng.normal(size=(16, 9))
    >>> table = mean_differences(outputs, seen)
    >>> bool(np.allclose(component_scores_of_models(outputs, seen, 2), component_scores(table, 2), atol=1e-5))
    True

    Args:
        outputs: of m models on t examples, such as margins, (m, t).
        seen: whether a model was trained on an example, bool (m, n); some models saw each, and some did not.
        component: which one, from 1.

    Raises:
        DataError: there is no such component, or outputs are NaN or infinite.
    """
    if not np.isfinite(outputs).all():
        raise DataError("outputs hold NaN or infinite numbers: leave out the models that gave them")
    weights, centred = difference_weights(seen), np.asarray(outputs, dtype=np.float64)
    weights -= weights.mean(0)
    centred = centred - centred.mean(0)
    return _scores(aslinearoperator(weights) @ aslinearoperator(centred), component)


def _scores(rows: LinearOperator, component: int) -> Array:
    """Coordinates of centred rows along one of their principal components."""
    most = min(rows.shape) - 1
    if not 1 <= component <= most:
        raise DataError(f"component={component}: a table of shape {rows.shape} has components 1 to {most}")
    start = np.random.default_rng(0).normal(size=min(rows.shape))
    left, size, _ = svds(rows, k=component, v0=start, return_singular_vectors="u")
    if not size.min() > size.max() * max(rows.shape) * np.finfo(np.float64).eps:
        raise DataError(f"the table has fewer than {component} principal components: its rows vary in fewer directions")
    at = int(size.argsort()[-component])
    scores = left[:, at] * size[at]
    return np.asarray(scores * np.sign(scores[np.abs(scores).argmax()]))


def principal_examples(table: Array, count: int, component: int = 1, end: End = "top") -> Array:
    """Rows of the examples at one end of a principal component, or half of them at each, ascending.

    >>> table = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.1, 0.0]])
    >>> principal_examples(table, 2, end="both").tolist()
    [1, 2]

    Args:
        table: attributions (n, t), as for ``component_scores``.
        count: how many.
        component: which one, from 1.
        end: 'top', 'bottom', or 'both', of which the top has the odd one.

    Raises:
        DataError: there are not so many examples, or there is no such component or end.

    Source: the forget sets 4 to 9 of RoyRin/data-unlearning-bench@09aa166, unlearning/precomputing/forget_sets.ipynb.
    Departs: the sign of a component is fixed; equals go to the lower row.
    """
    if end not in get_args(End):
        raise DataError(f"end={end!r}: one of {', '.join(get_args(End))} is needed")
    if not 0 < count <= len(table):
        raise DataError(f"count={count}: 1 to {len(table)} examples can be taken")
    return extremes(component_scores(table, component), count, end)
