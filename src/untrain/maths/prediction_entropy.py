"""Entropies of predictions, without or with the label: signals of membership."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.maths.logits import logsumexp

Array = np.ndarray[Any, Any]

_LEAST = float(np.log(1e-30))  # the reference code's logarithm of 0
_SURE = -37.0  # log(1 - p) below which -log p is 1 - p in double precision


def entropies(log_p: Array) -> Array:
    """``-sum_c p_c log p_c`` in nats, (m, n), of log-probabilities (m, n, c).

    >>> np.round(entropies(np.log([[[0.5, 0.5]]])), 4).tolist()  # log 2
    [[0.6931]]
    """
    return np.asarray(np.exp(log_entropies(log_p)))


def log_entropies(log_p: Array) -> Array:
    """Logarithms of the entropies, (m, n): they order predictions however sure, where the entropies themselves run into 0.

    >>> np.round(log_entropies(np.array([[[0.0, -800.0], [0.0, -900.0]]])), 2).tolist()  # log(801 exp(-800)), ...
    [[-793.31, -893.2]]
    """
    log_not = _log_complements(log_p)
    return np.asarray(logsumexp(_weighted(log_p, _log_surprises(log_p, log_not)))[..., 0])


def modified_entropies(log_p: Array, labels: Array) -> Array:
    """``-(1 - p_y) log p_y - sum_{c != y} p_c log(1 - p_c)`` in nats, (m, n): 0 when sure and right, large when sure and wrong.

    >>> np.round(modified_entropies(np.log([[[0.9, 0.1]]]), np.array([0])), 4).tolist()  # -0.2 log 0.9
    [[0.0211]]

    Args:
        log_p: log-probabilities, (m, n, c).
        labels: (n,).

    Source: Song and Mittal 2021, arXiv 2003.10595.
    """
    return np.asarray(np.exp(log_modified_entropies(log_p, labels)))


def log_modified_entropies(log_p: Array, labels: Array) -> Array:
    """Logarithms of the modified entropies, (m, n): they order predictions however sure.

    >>> np.round(log_modified_entropies(np.array([[[0.0, -500.0]]]), np.array([0])), 2).tolist()  # log(2 exp(-1000))
    [[-999.31]]
    """
    log_not = _log_complements(log_p)
    mine = labels[None, :, None] == np.arange(log_p.shape[-1])
    of_label = _weighted(log_not, _log_surprises(log_p, log_not))
    of_others = _weighted(log_p, _log_surprises(log_not, log_p))
    return np.asarray(logsumexp(np.where(mine, of_label, of_others))[..., 0])


def _log_complements(log_p: Array) -> Array:
    """``log(1 - p)`` of each class, (m, n, c); that of the likeliest from the other classes, so that nothing is lost near 1."""
    p = np.exp(log_p)
    top = p.argmax(-1)[..., None]
    rest = log_p.copy()
    np.put_along_axis(rest, top, -np.inf, axis=-1)
    np.put_along_axis(p, top, 0.0, axis=-1)
    log_not = np.log1p(-np.minimum(p, 1.0))
    np.put_along_axis(log_not, top, logsumexp(rest), axis=-1)
    return np.asarray(log_not)


def _log_surprises(log_p: Array, log_not: Array) -> Array:
    """``log(-log p)``, from the logarithms of p and of 1 - p: the latter itself, to double precision, where p is nearly 1."""
    sure = log_not < _SURE
    return np.where(sure, log_not, np.log(-np.where(sure, -1.0, log_p)))


def _weighted(log_weight: Array, log_value: Array) -> Array:
    """Logarithm of a product; a weight of 0 gives 0 whatever the value."""
    nothing = np.isneginf(log_weight)
    return np.where(nothing, -np.inf, log_weight + np.where(nothing, 0.0, log_value))


def reference_entropies(log_p: Array, labels: Array) -> Array:
    """Published code's version of the modified entropy, (m, n): it depends on which labels are in the batch.

    With L the set of labels, it is ``-sum_{c in L} (1 - p_c) log p_c - sum_{c not in L} p_c log p_c``: whole columns are
    taken for the label's entry, and log p for log(1 - p). The logarithm of 0 is that of 1e-30.

    >>> np.round(reference_entropies(np.log([[[0.9, 0.1]]]), np.array([0])), 4).tolist()  # -0.1 log 0.9 - 0.1 log 0.1
    [[0.2408]]

    Source: the code of SalUn (arXiv 2310.12508), evaluation/SVC_MIA.py, function m_entropy.
    """
    p = np.exp(log_p)
    log_p = np.where(p > 0, log_p, _LEAST)
    present = np.isin(np.arange(p.shape[-1]), labels)
    return np.asarray(-(np.where(present, 1 - p, p) * log_p).sum(-1))
