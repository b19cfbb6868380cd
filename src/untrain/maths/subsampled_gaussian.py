"""Privacy loss of one example, or of several, in training with clipped gradients of sampled examples and Gaussian noise."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp

from untrain.maths.gaussian_mechanism import epsilon_of

Array = np.ndarray[Any, Any]
ORDERS = (*range(2, 65), 80, 96, 128, 192, 256, 384, 512)
SHARES = 400  # of delta, of the single example, that are tried for a group


@lru_cache(maxsize=4096)
def renyi(order: int, rate: float, noise: float) -> float:
    """Renyi divergence of one step, with and without an example that is in a batch with probability ``rate``; either way round.

    ``log(sum_k C(a, k) (1 - q)^(a - k) q^k exp(k (k - 1) / (2 s^2))) / (a - 1)`` for an order a; of whole batches ``a / (2 s^2)``.

    >>> renyi(order=4, rate=1.0, noise=2.0), round(renyi(order=2, rate=0.1, noise=1.0), 6)  # log(1 + 0.01 (e - 1))
    (0.5, 0.017037)

    Args:
        order: whole, 2 or more.
        rate: q in (0, 1], for each example by itself.
        noise: standard deviation, in units of the longest gradient.

    Source: Mironov, Talwar and Zhang 2019, arXiv 1908.10530, sections 3.1 to 3.3.
    """
    if rate == 1:
        return order / (2 * noise**2)
    k = np.arange(order + 1)
    choices = gammaln(order + 1) - gammaln(k + 1) - gammaln(order - k + 1)
    terms = choices + (order - k) * math.log1p(-rate) + k * math.log(rate) + k * (k - 1) / (2 * noise**2)
    return float(logsumexp(terms)) / (order - 1)


def epsilon(rate: float, noise: float, rounds: int, delta: float) -> float:
    """Epsilon of all steps together, of one example, nats.

    >>> round(epsilon(rate=0.01, noise=1.0, rounds=100, delta=1e-5), 4) < round(epsilon(1.0, 1.0, 100, 1e-5), 4)
    True

    Args:
        rate: of examples in a step.
        noise: standard deviation of a step, in units of the longest gradient.
        rounds: number of steps.
        delta: in (0, 1).

    Source: Canonne, Kamath and Steinke 2020, arXiv 2004.00010, proposition 12 (from Renyi divergences); with whole batches the
        law of a single Gaussian, which is exact.
    """
    return float(_of_all(rate, noise, rounds, np.array([delta]))[0])


def group_epsilon(count: int, rate: float, noise: float, rounds: int, delta: float) -> float:
    """Epsilon of all steps together, of a group of examples, nats; infinite where none is found.

    With ``(e, d)`` of one example, ``count`` of them have ``count e`` and ``d (exp(count e) - 1) / (exp(e) - 1)``: each goes
    in turn. Of whole batches all go at once, as a shift by ``count``.

    >>> one, two = (group_epsilon(count, rate=0.01, noise=4.0, rounds=100, delta=1e-5) for count in (1, 2))
    >>> 2 * one < two < 3 * one
    True

    Args:
        count: size of the group.
        rate: of examples in a step.
        noise: standard deviation of a step, in units of the longest gradient.
        rounds: number of steps.
        delta: of the group.

    Source: Vadhan 2017, The complexity of differential privacy, lemma 2.2.
    """
    if rate == 1:
        return epsilon_of(count * math.sqrt(rounds) / noise, delta)
    if count == 1:
        return epsilon(rate, noise, rounds, delta)
    logs = math.log(delta) - np.linspace(0, 600, SHARES)
    alone = np.maximum(_of_all(rate, noise, rounds, np.exp(logs)), 1e-12)
    # log of (exp(k e) - 1) / (exp(e) - 1), which overflows where it is large
    grown = count * alone + np.log(-np.expm1(-count * alone)) - alone - np.log(-np.expm1(-alone))
    fits = logs + grown <= math.log(delta)
    return float(count * alone[fits].min()) if fits.any() else math.inf


def _of_all(rate: float, noise: float, rounds: int, deltas: Array) -> Array:
    if rate == 1:
        return np.array([epsilon_of(math.sqrt(rounds) / noise, delta) for delta in deltas])
    orders = np.array(ORDERS, dtype=np.float64)
    spent = rounds * np.array([renyi(order, rate, noise) for order in ORDERS])
    found = spent + np.log1p(-1 / orders) - (np.log(deltas)[:, None] + np.log(orders)) / (orders - 1)
    return np.asarray(np.maximum(0.0, found.min(1)))
