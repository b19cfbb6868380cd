"""What error rates of a test say of (epsilon, delta)-indistinguishability, and bounds on rates that hold with confidence."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy import stats

Array = np.ndarray[Any, Any]


def clopper_pearson(hits: Array | float, tries: int, level: float = 0.95) -> tuple[Array, Array]:
    """Lower and upper bound on a probability, each of which alone is wrong with probability at most ``(1 - level) / 2``.

    Args:
        hits: how often it happened; need not be whole.
        tries: out of how many.
        level: of the interval between the two.

    Source: Clopper and Pearson 1934.
    """
    k, tail = np.asarray(hits, dtype=np.float64), (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(k <= 0, 0.0, stats.beta.ppf(tail, np.maximum(k, 1e-300), tries - k + 1))
        high = np.where(k >= tries, 1.0, stats.beta.ppf(1 - tail, k + 1, np.maximum(tries - k, 1e-300)))
    return low, high


def epsilon(fpr: Array | float, fnr: Array | float, delta: float = 0.0) -> Array:
    """The least epsilon for which (epsilon, delta)-indistinguishable laws allow a test with these error rates; nats, >= 0.

    ``max(log((1 - delta - fpr) / fnr), log((1 - delta - fnr) / fpr))``; infinite where one rate is 0 and the other leaves room.

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
    """Lower bound on epsilon that holds with confidence ``level``, from error rates seen in so many tries.

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

    What it shows of the samples that chose it is too much: ask it of others, or share the level among all thresholds, as
    ``shared`` does. Of tests that show as much, or nothing, the one of the least sum of error rates is taken.

    Args:
        members: scores of positives, (n,).
        others: scores of negatives, (k,).
        delta: slack.
        level: confidence.
    """
    found: list[tuple[float, float, float, int]] = []
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
        found.append((float(shown[best]), -float(errors[best]), float(cuts[best]), sign))
    return max(found)[2:]


def shared(sizes: tuple[int, int], level: float = 0.95) -> float:
    """The level at which bounds hold for all thresholds and both signs at once, when samples of these sizes choose them.

    Between two of N ordered values the share beyond a threshold is at most that beyond the value below, whose law is that of
    Clopper and Pearson's bound; so there are N bounds a side and sign, and none else.
    """
    return 1 - (1 - level) / (2 * max(sizes))


@lru_cache(maxsize=16)
def _uppers(tries: int, level: float) -> Array:
    return clopper_pearson(np.arange(tries + 1), tries, level)[1]


def points(eps: Array, models: int) -> Array:
    """``2 ** -floor(2 epsilon)``, and 0 from the epsilon on that so many models cannot tell from any larger one.

    Source: google-deepmind/unlearning_evaluation, metric.py.
    """
    held = np.minimum(np.asarray(eps, dtype=np.float64), 1e3)
    return np.where(held >= np.ceil(np.log(models - 1)), 0.0, 0.5 ** np.floor(2 * held))
