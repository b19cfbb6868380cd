"""How far an approximate removal can be from the minimiser without the removed examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from untrain.maths.linear_losses import LinearLoss


@dataclass(frozen=True)
class Constants:
    """What is known of every example's loss f_i, which carries its share of the penalty, whatever the data.

    So it is of objectives that are means, in which every weight has a penalty; with a free intercept there is no convexity.

    Args:
        convexity: mu: the mean over the examples that stay is at least so strongly convex.
        slope: L: no gradient of an f_i at the minimiser is longer.
        curvature: C: no eigenvalue of a Hessian of an f_i is larger; at least the convexity, and infinite where there is none.
        change: M: the Hessian of the mean changes by at most this per unit of distance; infinite where it jumps.
    """

    convexity: float
    slope: float
    curvature: float
    change: float


def constants_of(loss: LinearLoss, penalty: float, radius: float) -> Constants:
    """Those of a loss of one score of ``x.w``, plus ``penalty / 2 |w|^2``, for examples with ``|x| <= radius``.

    At the minimiser ``penalty w`` is a mean of vectors of length at most ``slope * radius``; a gradient is at most twice as long.

    >>> constants_of(LinearLoss("logistic"), penalty=0.1, radius=2.0).slope
    4.0

    Args:
        loss: of a score; its bounds say what there is none of.
        penalty: > 0.
        radius: > 0, of whole rows: with an intercept its 1 is one of the numbers.
    """
    most = loss.bounds
    return Constants(penalty, 2 * most.slope * radius, most.curvature * radius**2 + penalty, most.change * radius**3)


def newton_error(constants: Constants, examples: int, removed: int) -> float:
    """Largest distance between a Newton step with the Hessian of the examples that stay and their minimiser.

    ``M / (2 mu) * (m L / (mu (n - m)))^2``: the step is no longer than what is squared, and what Newton's method leaves out of the
    gradient is at most M / 2 times its square, divided by mu. For m up to n / 2 it is at most the ``2 M L^2 m^2 / (mu^3 n^2)``
    of Sekhari et al. 2021, arXiv 2103.03279, lemma 3.

    >>> newton_error(Constants(convexity=1.0, slope=1.0, curvature=1.0, change=2.0), examples=3, removed=1)  # (1 / 2)^2
    0.25

    Args:
        constants: of the losses.
        examples: n.
        removed: m < n.

    Raises:
        ValueError: none would stay.
    """
    _refuse_all(examples, removed)
    step = removed * constants.slope / (constants.convexity * (examples - removed))
    return 0.0 if removed == 0 or constants.change == 0 else constants.change / (2 * constants.convexity) * step**2


def jackknife_error(constants: Constants, examples: int, removed: int) -> float:
    """Largest distance between a step with the Hessian of all examples and the minimiser of those that stay.

    The Newton step's, and ``m^2 C L / (mu^2 n (n - m))`` for the difference of the two steps. Derived here; the constants of
    Suriyakumar and Wilson 2022, arXiv 2209.12269, may be others.

    >>> jackknife_error(Constants(convexity=1.0, slope=1.0, curvature=1.0, change=0.0), examples=10, removed=5)  # 25 / (10 * 5)
    0.5

    Args:
        constants: of the losses.
        examples: n.
        removed: m < n.

    Raises:
        ValueError: none would stay.
    """
    left = newton_error(constants, examples, removed)
    between = removed**2 * constants.curvature * constants.slope
    return left + (between / (constants.convexity**2 * examples * (examples - removed)) if removed else 0.0)


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


def _refuse_all(examples: int, removed: int) -> None:
    if not 0 <= removed < examples:
        raise ValueError(f"{removed} of {examples} examples are to be removed: at least one has to stay")
