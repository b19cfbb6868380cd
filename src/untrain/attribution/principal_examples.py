"""Examples at the ends of the principal components of a table of attributions: groups that act on models alike."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from scipy.sparse.linalg import svds

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
    most = min(table.shape) - 1
    if not 1 <= component <= most:
        raise DataError(f"component={component}: a table of shape {table.shape} has components 1 to {most}")
    rows = np.asarray(table, dtype=np.float64)
    rows = rows - rows.mean(0)
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
