"""The robust membership attack RMIA: is an example likelier than others, relative to reference models?"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def means(log_p: Array, keep: Array) -> Array:
    """Logarithm of the mean of probabilities over the models that each row of ``keep`` (f, m) names, (f, n).

    >>> np.round(np.exp(means(np.log([[0.2], [0.4]]), np.array([[1, 1]]))), 4).tolist()
    [[0.3]]
    """
    out = np.empty((len(keep), log_p.shape[1]))
    for row, kept in zip(out, np.asarray(keep, dtype=bool), strict=True):
        some = log_p[kept]
        top = some.max(0)  # of these models: another's would let all of them vanish
        row[:] = top + np.log1p(np.expm1(some - top).mean(0))
    return out


def marginals(outside: Array, a: float, inside: Array | None = None) -> Array:
    """``log Pr(x)`` from ``log Pr_out(x)`` and, where models that saw x are known, ``log Pr_in(x)``.

    ``Pr(x) = (Pr_in(x) + Pr_out(x)) / 2``; offline ``Pr_in(x) = a Pr_out(x) + 1 - a``, of the population too, as its authors'
    code has it.

    >>> round(float(np.exp(marginals(np.log(0.5), a=1.0, inside=np.log(1.0)))), 4)  # (1 / 2 + 1) / 2
    0.75

    Args:
        outside: ``log Pr_out``, of any shape.
        a: in [0, 1]; how well the outputs of models that did not see an example predict those of models that did.
        inside: ``log Pr_in``, of the same shape; None for the offline attack.

    Source: Zarifzadeh et al. 2023, arXiv 2312.03262; the code of PrivacyGuard and LeakPro.
    """
    if inside is None:
        share, inside = (1 + a) / 2, np.zeros_like(outside, dtype=np.float64)
    else:
        share = 0.5
    # 1 + share (p - 1) + (1 - share) (q - 1) keeps what p and q near 1 would lose; elsewhere nothing cancels in a sum.
    near = np.log1p(np.maximum(share * np.expm1(outside) + (1 - share) * np.expm1(inside), -0.5))
    with np.errstate(divide="ignore"):
        far = np.logaddexp(np.log(share) + outside, np.log(1 - share) + inside)
    return np.asarray(np.where(near > np.log(0.5), near, far))


def offline_marginals(less_one: Array, keep: Array, a: float) -> Array:
    """``log Pr(x)`` of the offline attack from ``Pr(x | model) - 1``, without logarithms of single probabilities, (..., f, n).

    It is ``marginals(means(log_p, keep), a)`` but for rounding, of which ``1 - a`` must not be a small part.

    >>> p, keep = np.array([[0.2], [0.4]]), np.array([[True, True]])
    >>> np.round(offline_marginals(p - 1, keep, a=0.4) - marginals(means(np.log(p), keep), a=0.4), 12).tolist()
    [[0.0]]

    Args:
        less_one: (..., m, n); ``expm1`` of log-probabilities.
        keep: which models each mean is of, bool (..., f, m).
        a: as in ``marginals``.
    """
    weight = keep / keep.sum(-1, keepdims=True)
    return np.asarray(np.log1p((1 + a) / 2 * (weight @ less_one)))


def relative(x: Array, z: Array, gamma: float = 2.0) -> Array:
    """Share of the population that an example beats, ``Pr_z[LR(x, z) >= gamma]``, (..., t, n).

    >>> relative(np.array([[0.0]]), np.array([[-1.0, 1.0]])).tolist()
    [[0.5]]

    Args:
        x: ``log Pr(x | model) - log Pr(x)`` of the examples, (..., t, n).
        z: the same of the population, (..., t, k).
        gamma: ratio by which an example beats another.

    Source: Zarifzadeh et al. 2023, arXiv 2312.03262.
    """
    at = (x - np.log(gamma)).reshape(-1, x.shape[-1])
    beaten = [row.searchsorted(own, side="right") for own, row in zip(at, np.sort(z).reshape(-1, z.shape[-1]), strict=True)]
    return np.asarray(np.stack(beaten).reshape(x.shape) / z.shape[-1])
