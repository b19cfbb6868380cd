"""Epsilons of (epsilon, delta)-indistinguishability from the error rates of a test, and confidence bounds on rates."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from untrain.maths.distributions import beta_quantile

Array = np.ndarray[Any, Any]


def clopper_pearson(hits: Array | float, tries: int, level: float = 0.95) -> tuple[Array, Array]:
    """Lower and upper bound on a probability, each of which alone is wrong with probability at most ``(1 - level) / 2``.

    Of no hit in 10 tries the upper bound is ``1 - 0.025 ** 0.1``:

    >>> low, high = clopper_pearson(0, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0, 0.3085)

    Args:
        hits: how often it happened; need not be whole.
        tries: out of how many.
        level: of the interval between the two.

    Source: Clopper and Pearson 1934.
    """
    k, tail = np.asarray(hits, dtype=np.float64), (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(k <= 0, 0.0, beta_quantile(tail, np.maximum(k, 1e-300), tries - k + 1))
        high = np.where(k >= tries, 1.0, beta_quantile(1 - tail, k + 1, np.maximum(tries - k, 1e-300)))
    return low, high


def epsilon(fpr: Array | float, fnr: Array | float, delta: float = 0.0) -> Array:
    """The least epsilon for which (epsilon, delta)-indistinguishable laws allow a test with these error rates; nats, >= 0.

    ``max(log((1 - delta - fpr) / fnr), log((1 - delta - fnr) / fpr))``; infinite where one rate is 0 and the other leaves room.

    >>> round(float(epsilon(fpr=0.1, fnr=0.1)), 4)  # log 9
    2.1972

    Args:
        fpr: false-positive rate.
        fnr: false-negative rate.
        delta: slack in [0, 1).

    Source: Kairouz, Oh and Viswanath 2015, theorem 2.1.
    """
    a, b = np.asarray(fpr, dtype=np.float64), np.asarray(fnr, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        sides = [np.log(np.maximum(1 - delta - x, 0.0)) - np.log(y) for x, y in ((a, b), (b, a))]
    # 0 / 0 says nothing: a test that errs always one way and never the other is a constant.
    return np.asarray(np.maximum(0.0, np.max([np.nan_to_num(s, nan=0.0, posinf=np.inf, neginf=0.0) for s in sides], axis=0)))


def epsilon_shown(fpr: Array | float, fnr: Array | float, tries: tuple[int, int], delta: float, level: float = 0.95) -> Array:
    """Lower bound on epsilon that holds with confidence ``level``, from the error rates observed in so many tries.

    >>> round(float(epsilon_shown(fpr=0.0, fnr=0.0, tries=(10, 10), delta=0.0)), 4)
    0.8072

    Args:
        fpr: share of false positives among ``tries[0]``.
        fnr: share of false negatives among ``tries[1]``.
        tries: number of negatives and of positives; independent of how the test was chosen.
        delta: slack in [0, 1).
        level: confidence in both rates together.

    Source: Nasr et al. 2021, arXiv 2101.04535, section 4.
    """
    upper = [clopper_pearson(np.clip(r, 0, 1) * n, n, level)[1] for r, n in zip((fpr, fnr), tries, strict=True)]
    return epsilon(upper[0], upper[1], delta)


def threshold(members: Array, others: Array, delta: float, level: float = 0.95) -> tuple[float, int]:
    """Threshold and sign of the one-threshold test that shows the largest epsilon: positive where ``sign * score > threshold``.

    On the samples that chose it the epsilon is too large: test it on others, or share the level among all thresholds, as
    ``shared`` does. Among tests that show as much, or nothing, the one with the least sum of error rates wins.

    >>> threshold(members=np.array([3.0, 4.0]), others=np.array([1.0, 2.0]), delta=0.0)
    (2.5, 1)

    Args:
        members: scores of positives, (n,).
        others: scores of negatives, (k,).
        delta: slack.
        level: confidence.
    """
    tests: list[tuple[float, float, float, int]] = []
    for sign in (1, -1):
        ours, theirs = np.sort(sign * members), np.sort(sign * others)
        # Halfway between neighbours: a threshold on a sample's own value would hug the samples that chose it.
        pooled = np.unique(np.concatenate([ours, theirs]))
        cuts = (pooled[1:] + pooled[:-1]) / 2 if len(pooled) > 1 else pooled
        missed = np.searchsorted(ours, cuts, side="right")
        wrong = len(theirs) - np.searchsorted(theirs, cuts, side="right")
        shown = epsilon(_uppers(len(theirs), level)[wrong], _uppers(len(ours), level)[missed], delta)
        errors = missed / len(ours) + wrong / len(theirs)
        best = int(np.lexsort((errors, -shown))[0])
        tests.append((float(shown[best]), -float(errors[best]), float(cuts[best]), sign))
    return max(tests)[2:]


def shared(sizes: tuple[int, int], level: float = 0.95) -> float:
    """The level at which bounds hold for all thresholds and both signs at once, when samples of these sizes choose them.

    Between two of N ordered values the share beyond a threshold is at most that beyond the value below, whose law is that of
    Clopper and Pearson's bound; so there are N bounds a side and sign, and none else.

    >>> round(shared((10, 10)), 4)  # 20 thresholds and signs share 5 %
    0.9975
    """
    return 1 - (1 - level) / (2 * max(sizes))


@lru_cache(maxsize=16)
def _uppers(tries: int, level: float) -> Array:
    return clopper_pearson(np.arange(tries + 1), tries, level)[1]


def points(eps: Array, models: int) -> Array:
    """``2 ** -floor(2 epsilon)``, and 0 from the epsilon on above which so many models cannot distinguish.

    >>> points(np.array([0.0, 0.5, 100.0]), models=512).tolist()
    [1.0, 0.5, 0.0]

    Source: google-deepmind/unlearning_evaluation, metric.py.
    """
    capped = np.minimum(np.asarray(eps, dtype=np.float64), 1e3)
    return np.where(capped >= np.ceil(np.log(models - 1)), 0.0, 0.5 ** np.floor(2 * capped))
