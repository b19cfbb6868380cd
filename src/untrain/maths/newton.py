"""Minima of convex functions to the last digits that float64 has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
FLAT = 1e-10  # share of a value below which its differences are rounding
HALVINGS = 40


class Local(NamedTuple):
    """A function at a point.

    Args:
        value: of the function.
        slope: the gradient, (d,); where there is none, the shortest subgradient. It is 0 at a minimum.
        smooth: gradient of the smooth part, where there is another; None where all is smooth.
    """

    value: float
    slope: Array
    smooth: Array | None = None


class Proposal(NamedTuple):
    """The expected minimum.

    Args:
        point: (d,).
        decrease: by how much the function falls at first on the way there, per whole step; > 0.
    """

    point: Array
    decrease: float


class Minimum(NamedTuple):
    """The end of a search.

    Args:
        point: (d,).
        slope: length of the gradient, or of the shortest subgradient.
        left: length of the step that would come next: how far the minimum is expected to be.
        steps: that were taken.
    """

    point: Array
    slope: float
    left: float
    steps: int


def newton(
    function: Callable[[Array], Local],
    model: Callable[[Array, Local], Callable[[Array, Local], Proposal]],
    start: Array,
    goal: float,
    steps: int = 100,
) -> Minimum:
    """Walk to the minimum of a convex function by minima of models of it, with halved steps where the function does not fall.

    Near the minimum values are the same but for rounding; there a step has to make the slope smaller. It ends where the slope is
    within the goal, or no step makes anything smaller.

    The mean of three numbers, by the second derivative 3:

    >>> numbers = np.array([1.0, 2.0, 6.0])
    >>> def function(x):
    ...     return Local(float(((x - numbers) ** 2).sum() / 2), (x - numbers).sum(keepdims=True))
    >>> def model(x, at):
    ...     return lambda x, at: Proposal(x - at.slope / 3, float(at.slope @ at.slope / 3))
    >>> newton(function, model, np.zeros(1), goal=1e-12).point.tolist()
    [3.0]

    Args:
        function: point -> value and slope.
        model: (point, local) -> a callable that proposes the minimum as seen from a point near by; it is made once per step.
        start: (d,).
        goal: length of the slope at which to stop.
        steps: at most so many.
    """
    point, at = start, function(start)
    propose = model(point, at)
    taken = 0
    for _ in range(steps):
        slope = float(np.linalg.norm(at.slope))
        if slope <= goal:
            break
        if taken:
            propose = model(point, at)
        found = _descended(function, point, at, propose(point, at))
        if found is None:
            break
        point, at = found
        taken += 1
    left = float(np.linalg.norm(propose(point, at).point - point))
    return Minimum(point, float(np.linalg.norm(at.slope)), left, taken)


def _descended(function: Callable[[Array], Local], point: Array, at: Local, aim: Proposal) -> tuple[Array, Local] | None:
    """The first point on the halved way to an aim where the function, or within rounding its slope, is smaller."""
    size, slope = 1.0, float(np.linalg.norm(at.slope))
    for _ in range(HALVINGS):
        new = point + size * (aim.point - point) if size < 1 else aim.point
        there = function(new)
        flat = abs(there.value - at.value) <= FLAT * abs(at.value)
        if flat and float(np.linalg.norm(there.slope)) < slope:
            return new, there
        if not flat and there.value <= at.value - 1e-4 * size * aim.decrease:
            return new, there
        size /= 2
    return None
