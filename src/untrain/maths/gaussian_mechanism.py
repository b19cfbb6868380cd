"""The Gaussian noise that makes two released vectors hard to tell apart, and what several releases reveal together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, get_args

from scipy import optimize, special

Formula = Literal["analytic", "classical", "guo"]

CONSTANTS = {"classical": 1.25, "guo": 1.5}  # of sqrt(2 log(constant / delta)) / epsilon
WIDEST = 1e12  # multipliers are searched between its inverse and it


def delta_of(epsilon: float, mean: float) -> float:
    """The least delta for which N(0, 1) and N(mean, 1) are (epsilon, delta)-indistinguishable.

    >>> round(delta_of(epsilon=1.0, mean=1.0), 6)
    0.126937

    Args:
        epsilon: >= 0, nats.
        mean: how far apart the two are, in standard deviations of the noise; >= 0.

    Source: Balle and Wang 2018, arXiv 1805.06530, theorem 8.
    """
    if mean == 0:
        return 0.0
    near, far = mean / 2 - epsilon / mean, -mean / 2 - epsilon / mean
    # In logarithms, since exp(epsilon) may overflow where its factor is as small.
    log_near, log_far = special.log_ndtr(near), epsilon + special.log_ndtr(far)
    return float(math.exp(log_near) * -math.expm1(min(log_far - log_near, 0.0)))


def epsilon_of(mean: float, delta: float) -> float:
    """The least epsilon for which N(0, 1) and N(mean, 1) are (epsilon, delta)-indistinguishable; nats.

    >>> round(epsilon_of(mean=1 / 3.73063, delta=1e-5), 4)
    1.0

    Args:
        mean: how far apart the two are, in standard deviations of the noise; >= 0.
        delta: in (0, 1).
    """
    _refuse_delta(delta)
    if delta_of(0.0, mean) <= delta:
        return 0.0
    # An epsilon that is large enough by the tail bound Phi(-t) <= exp(-t * t / 2).
    enough = mean * mean / 2 + mean * math.sqrt(2 * math.log(1 / delta))
    return float(optimize.brentq(lambda e: delta_of(e, mean) - delta, 0.0, enough, xtol=1e-14, rtol=1e-14))


def noise_multiplier(epsilon: float, delta: float, formula: Formula = "analytic") -> float:
    """Noise, as a standard deviation per unit of distance, that makes two vectors (epsilon, delta)-indistinguishable.

    >>> round(noise_multiplier(1.0, 1e-5), 5), round(noise_multiplier(0.5, 1e-5, "classical"), 5)
    (3.73063, 9.68961)

    Args:
        epsilon: > 0, nats.
        delta: in (0, 1).
        formula: 'analytic', the least there is; or ``sqrt(2 log(c / delta)) / epsilon`` with c of 1.25 ('classical', Dwork and Roth
            2014, theorem A.1) or 1.5 ('guo', Guo et al. 2020, arXiv 1911.03030), where that is enough.

    Raises:
        ValueError: epsilon or delta is out of range; the classical formula is wanted at an epsilon of 1 or more, where nobody
            proved it; or a formula gives less noise than is needed, as that of Guo does for large epsilons.
    """
    _refuse_delta(delta)
    if formula not in get_args(Formula):
        raise ValueError(f"there is no formula {formula!r}: take one of {', '.join(get_args(Formula))}")
    if not 0 < epsilon < math.inf:
        raise ValueError(f"epsilon={epsilon}: it must be a number above 0")
    if formula == "classical" and epsilon >= 1:
        raise ValueError(f"the classical formula holds for epsilon below 1, and epsilon={epsilon}: take 'analytic'")
    if formula != "analytic":
        multiplier = math.sqrt(2 * math.log(CONSTANTS[formula] / delta)) / epsilon
        if (reached := delta_of(epsilon, 1 / multiplier)) > delta:
            raise ValueError(f"the formula {formula!r} gives delta={reached:.1e} at epsilon={epsilon}: take 'analytic'")
        return multiplier
    ends = (-math.log(WIDEST), math.log(WIDEST))
    if not delta_of(epsilon, math.exp(-ends[1])) <= delta <= delta_of(epsilon, math.exp(-ends[0])):
        raise ValueError(f"epsilon={epsilon} and delta={delta} ask for noise beyond a factor of {WIDEST:g}")
    return math.exp(optimize.brentq(lambda x: delta_of(epsilon, math.exp(-x)) - delta, *ends, xtol=1e-14, rtol=1e-14))


def together(means: Iterable[float]) -> float:
    """The distance of all releases together, where each alone is so many standard deviations of its noise.

    Noise is drawn anew for each. The law of all is that of one release at this distance, so nothing is given away:

    >>> together([3.0, 4.0])
    5.0

    Source: Dong, Roth and Su 2019, arXiv 1905.02383, corollary 3.3.
    """
    return math.sqrt(math.fsum(mean * mean for mean in means))


def _refuse_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise ValueError(f"delta={delta}: it must be between 0 and 1")
