"""Bounds on how far an approximate removal or correction can be from the minimiser on the data after it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from untrain.maths.linear_losses import LinearLoss

EPSILON = 2.0**-52  # of float64
RESIDUAL = 1e-8  # share of a gradient that a solved step may leave


@dataclass(frozen=True)
class Constants:
    """Bounds on every example's loss f_i, whatever the data.

    In a mean f_i carries its share of the penalty; in a sum it does not, and the penalty belongs to the mean over what stays. Every
    weight has a penalty; with a free intercept there is no convexity.

    Args:
        convexity: mu: the mean over the examples that stay is at least so strongly convex.
        slope: L: no gradient of an f_i at the minimiser is longer.
        curvature: C: no eigenvalue of a Hessian of an f_i is larger; infinite where there is no bound.
        change: M: the Hessian of the mean changes by at most this per unit of distance; infinite where it jumps.
        swap: S: no gradient of an example changes by more when it gets other values; infinite where that is not known.
    """

    convexity: float
    slope: float
    curvature: float
    change: float
    swap: float = math.inf


def constants_of(loss: LinearLoss, penalty: float, radius: float, added: int | None = None) -> Constants:
    """Those of a loss of scores of ``x``, with ``penalty / 2 |w|^2``, for examples with ``|x| <= radius``.

    At the minimiser of a mean ``penalty w`` is a mean of vectors of length at most ``slope * radius``; a gradient is at most twice
    as long. A sum divided by the number of its examples has a penalty that is as much smaller, and no example has a share of it.
    An example that gets other values keeps its share of the penalty, so that its gradient changes by ``2 slope * radius`` at most.

    >>> constants_of(LinearLoss("logistic"), penalty=0.1, radius=2.0).slope
    4.0
    >>> of_sum = constants_of(LinearLoss("logistic"), penalty=10.0, radius=2.0, added=100)
    >>> of_sum.convexity, of_sum.slope, of_sum.curvature
    (0.1, 2.0, 1.0)

    Args:
        loss: of a score; its bounds say what there is none of.
        penalty: > 0.
        radius: > 0, of whole rows: with an intercept its 1 is one of the numbers.
        added: number of examples whose losses are added up; None where they are averaged.
    """
    most = loss.bounds
    change, swap = most.change * radius**3, 2 * most.slope * radius
    if added is not None:
        return Constants(penalty / added, most.slope * radius, most.curvature * radius**2, change, swap)
    return Constants(penalty, 2 * most.slope * radius, most.curvature * radius**2 + penalty, change, swap)


def newton_error(constants: Constants, examples: int, removed: int, left: float = 0.0, corrected: int = 0) -> float:
    """Largest distance between a Newton step with the Hessian of the data after a request and their minimiser.

    ``M / (2 mu) * ((m L + k S) / (mu (n - m)))^2``: the step is no longer than what is squared, and what Newton's method leaves out
    of the gradient is at most M / 2 times its square, divided by mu. For m up to n / 2 and k = 0 it is at most the
    ``2 M L^2 m^2 / (mu^3 n^2)`` of Sekhari et al. 2021, arXiv 2103.03279, lemma 3. Where the weights before are an optimum up to a
    gradient of t alone, gradients of examples are at most ``L + t`` long, and the step does not see ``n t`` of the gradient of
    those that stay. Who trains on the data after the request comes as near to their minimiser, ``t / mu``, on whichever side: the
    bound is of that model.

    >>> newton_error(Constants(convexity=1.0, slope=1.0, curvature=1.0, change=2.0), examples=3, removed=1)  # (1 / 2)^2
    0.25

    Args:
        constants: of the losses.
        examples: n.
        removed: m < n.
        left: t, >= 0, of the mean over all examples, and over those that stay once they are trained on.
        corrected: k: how often an example got other values.

    Raises:
        ValueError: none would stay.
    """
    _refuse_all(examples, removed)
    step = _longest(constants, examples, removed, left, corrected)
    return error_of_step(constants, examples, removed, step, left, corrected)


def error_of_step(constants: Constants, examples: int, removed: int, step: float, left: float = 0.0, corrected: int = 0) -> float:
    """As ``newton_error``, of a Newton step that is known to be so long: of one data set, where that is of any.

    >>> error_of_step(Constants(convexity=1.0, slope=9.0, curvature=1.0, change=2.0), examples=3, removed=1, step=0.25)
    0.0625

    Args:
        constants: of the losses.
        examples: n.
        removed: m < n.
        step: its length.
        left: as there.
        corrected: as there.
    """
    unseen = left / constants.convexity * (examples / (examples - removed) + 1)
    changed = removed + corrected
    return unseen + (constants.change / (2 * constants.convexity) * step**2 if changed and constants.change else 0.0)


def jackknife_error(constants: Constants, examples: int, removed: int, left: float = 0.0, corrected: int = 0) -> float:
    """Largest distance between a step with the Hessian of the data before a request and the minimiser after it.

    The Newton step's, and ``(m + k) C / (mu n)`` times the longest Newton step for the difference of the two: the Hessian of what
    comes and that of what goes are both positive, so their difference is no larger than the larger of them. Derived here; the
    constants of Suriyakumar and Wilson 2022, arXiv 2209.12269, may be others.

    >>> jackknife_error(Constants(convexity=1.0, slope=1.0, curvature=1.0, change=0.0), examples=10, removed=5)  # 25 / (10 * 5)
    0.5

    Args:
        constants: of the losses.
        examples: n.
        removed: m < n.
        left: as for ``newton_error``.
        corrected: as there.

    Raises:
        ValueError: none would stay.
    """
    newton, changed = newton_error(constants, examples, removed, left, corrected), removed + corrected
    between = changed * constants.curvature if changed else 0.0
    longest = _longest(constants, examples, removed, left, corrected)
    return newton + (between * longest / (constants.convexity * examples) if changed else 0.0)


def error_of_jackknife(
    constants: Constants, examples: int, removed: int, step: float, left: float = 0.0, corrected: int = 0
) -> float:
    """As ``jackknife_error``, of a step that is known to be so long.

    The Newton step differs from it by at most ``(m + k) C / (mu (n - m))`` times its length.

    >>> error_of_jackknife(Constants(convexity=1.0, slope=9.0, curvature=2.0, change=0.0), examples=3, removed=1, step=0.25)
    0.25

    Args:
        constants: of the losses.
        examples: n.
        removed: m < n.
        step: its length.
        left: as for ``newton_error``.
        corrected: as there.
    """
    changed = removed + corrected
    apart = changed * constants.curvature / (constants.convexity * (examples - removed)) if changed else 0.0
    return error_of_step(constants, examples, removed, step * (1 + apart), left, corrected) + step * apart


def rounding_error(constants: Constants, examples: int, removed: int, size: int, left: float = 0.0, corrected: int = 0) -> float:
    """Largest distance between a step as float64 has it and the step itself.

    A Hessian is off by a share e of its size, of n rows added up, of a Cholesky factor and of its m + 2 k up- and down-dates, and
    the scores that its curvatures are of are off by a share of ``R |w|``, with ``|w| <= L / mu``; so are gradients. No more than
    n + 2 k rows are in any of the sums. Then ``(n - m) mu`` divides what the two do to the equations, and what may be left of them:
    ``(n + 2 k) / (n - m) * e / mu * ((C + mu + M L / mu) * |step| + (1 + C / mu) * L) + RESIDUAL * |step|``, with the largest step
    there is. The share, ``4 (n + (1 + m + 2 k) size^2)`` roundings, is the worst case of each part to first order; in practice it
    is far less.

    >>> c = Constants(convexity=0.1, slope=2.0, curvature=0.35, change=0.1)
    >>> rounding_error(c, 10_000, 10, size=5) < 1e-3 * newton_error(c, 10_000, 10) < rounding_error(c, 10_000, 10, size=4_096)
    True

    Args:
        constants: of the losses.
        examples: n.
        removed: m < n.
        size: number of weights.
        left: as for ``newton_error``.
        corrected: as there.

    Source: Higham 2002, Accuracy and stability of numerical algorithms, 2nd edition, theorems 3.5, 7.2 and 10.3.
    """
    c, stay, both = constants, examples - removed, 2 * corrected
    step = _longest(c, examples, removed, left, corrected)
    share = 4 * (examples + (1 + removed + both) * size**2) * EPSILON
    hessian = (c.curvature + c.convexity + c.change * c.slope / c.convexity) * step if removed + corrected else 0.0
    gradient = (1 + c.curvature / c.convexity) * c.slope
    return (examples + both) / stay * share / c.convexity * (hessian + gradient) + RESIDUAL * step


@dataclass(frozen=True)
class RemovalBound:
    """Bounds of one kind of step from one model, by the numbers of removed and of corrected examples.

    >>> bound = RemovalBound(Constants(convexity=1.0, slope=1.0, curvature=1.0, change=2.0, swap=2.0), examples=3)
    >>> bound.at(1), bound.of_step(1, 0.25), bound.at(0, corrected=3)  # the step is no longer than 3 * 2 / 3
    (0.25, 0.0625, 4.0)

    Args:
        constants: of the losses.
        examples: n.
        left: of the gradient of the mean over all examples, at most.
        jackknife: whether the Hessian is that of the data before.
        size: number of weights, for the rounding of float64; 0 for a step without any.
    """

    constants: Constants
    examples: int
    left: float = 0.0
    jackknife: bool = False
    size: int = 0

    def at(self, removed: int, corrected: int = 0) -> float:
        """Largest distance to the minimiser without so many, and with so many others, whatever the data."""
        error = jackknife_error if self.jackknife else newton_error
        return error(self.constants, self.examples, removed, self.left, corrected) + self._rounding(removed, corrected)

    def of_step(self, removed: int, step: float, corrected: int = 0) -> float:
        """The same after a step that is known to be so long."""
        error = error_of_jackknife if self.jackknife else error_of_step
        return error(self.constants, self.examples, removed, step, self.left, corrected) + self._rounding(removed, corrected)

    def _rounding(self, removed: int, corrected: int) -> float:
        if not self.size:
            return 0.0
        return rounding_error(self.constants, self.examples, removed, self.size, self.left, corrected)


def capacity(error: Callable[[int], float], allowed: float, examples: int) -> int:
    """The most examples that can be removed while the error stays within what the noise covers.

    >>> capacity(lambda removed: 0.01 * removed**2, allowed=0.25, examples=100)
    5

    Args:
        error: bound by the number of removed examples; it must not fall with it.
        allowed: standard deviation of the noise divided by its multiplier.
        examples: n; fewer are removed.
    """
    low, high = 0, examples - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if error(middle) <= allowed else (low, middle - 1)
    return low


def _longest(constants: Constants, examples: int, removed: int, left: float, corrected: int) -> float:
    """Length of the longest Newton step."""
    pull = (removed * (constants.slope + left) if removed else 0.0) + (corrected * constants.swap if corrected else 0.0)
    return pull / (constants.convexity * (examples - removed))


def _refuse_all(examples: int, removed: int) -> None:
    if not 0 <= removed < examples:
        raise ValueError(f"{removed} of {examples} examples are to be removed: at least one has to stay")
