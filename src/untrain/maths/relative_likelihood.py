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
    top = log_p.max(0)
    share = keep / keep.sum(1, keepdims=True)
    return np.asarray(np.log(np.maximum(share @ np.exp(log_p - top), 1e-300)) + top)


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
    if inside is not None:
        return np.asarray(np.logaddexp(outside, inside) - np.log(2))
    return np.asarray(np.log(((1 + a) * np.exp(outside) + (1 - a)) / 2) if a < 1 else outside)


def relative(x: Array, z: Array, gamma: float = 2.0) -> Array:
    """Share of the population that an example beats, ``Pr_z[LR(x, z) >= gamma]``, (t, n).

    >>> relative(np.array([[0.0]]), np.array([[-1.0, 1.0]])).tolist()
    [[0.5]]

    Args:
        x: ``log Pr(x | model) - log Pr(x)`` of the examples, (t, n).
        z: the same of the population, (t, k).
        gamma: ratio by which an example beats another.

    Source: Zarifzadeh et al. 2023, arXiv 2312.03262.
    """
    at = x - np.log(gamma)
    beaten = [np.searchsorted(np.sort(row), own, side="right") for own, row in zip(at, z, strict=True)]
    return np.asarray(np.stack(beaten) / z.shape[1])
