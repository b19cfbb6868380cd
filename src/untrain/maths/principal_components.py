"""Principal components: the directions in which rows vary most."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Components(NamedTuple):
    """Mean (d,) of the rows, directions (k, d) of unit length, and the standard deviation (k,) along each, largest first."""

    mean: Array
    directions: Array
    deviations: Array


def principal_components(x: Array, count: int) -> Components:
    """The first components of rows (n, d), in float64.

    The sign of a direction is such that its coordinate furthest from zero is positive, so that the same rows in another
    order give the same components up to rounding.

    >>> found = principal_components(np.array([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0]]), 1)
    >>> found.mean.tolist(), found.directions.round(3).tolist(), found.deviations.round(3).tolist()
    ([2.0, 2.0], [[0.707, 0.707]], [2.309])

    Raises:
        ValueError: there are fewer rows, or fewer columns, than components.
    """
    if count > min(x.shape):
        raise ValueError(f"{count} components of {x.shape[0]} rows and {x.shape[1]} columns: there are at most {min(x.shape)}")
    rows = x.astype(np.float64)
    mean = rows.mean(0)
    # Of the d x d matrix, which is smaller than the rows: images of 28 x 28 pixels have d = 784.
    values, vectors = np.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    directions = vectors[:, ::-1][:, :count].T
    furthest = np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], 1)
    return Components(mean, directions * np.sign(furthest), np.sqrt(np.maximum(values[::-1][:count], 0)))


def half_whitened(x: Array, components: Components) -> Array:
    """Coordinates of rows (n, d) along the components, each divided by the root of its deviation, (n, k).

    Between coordinates as they are, of which the first few outweigh all others, and whitened ones, among which noise
    counts as much as signal.

    >>> rows = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 1.0], [4.0, 1.0]])
    >>> half_whitened(rows, principal_components(rows, 2)).round(3).tolist()
    [[-1.414, -0.707], [1.414, -0.707], [-1.414, 0.707], [1.414, 0.707]]
    """
    roots = np.sqrt(np.where(components.deviations > 0, components.deviations, 1.0))
    return np.asarray((x.astype(np.float64) - components.mean) @ components.directions.T / roots)
