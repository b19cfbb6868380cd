"""Entropies of predictions, without or with the label: signals of membership."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logsumexp

Array = np.ndarray[Any, Any]

_LEAST = float(np.log(1e-30))  # the reference code's logarithm of 0


def entropies(log_p: Array) -> Array:
    """``-sum_c p_c log p_c`` in nats, (m, n), of log-probabilities (m, n, c).

    >>> np.round(entropies(np.log([[[0.5, 0.5]]])), 4).tolist()  # log 2
    [[0.6931]]
    """
    return np.asarray(-(np.exp(log_p) * log_p).sum(-1))


def modified_entropies(log_p: Array, labels: Array) -> Array:
    """``-(1 - p_y) log p_y - sum_{c != y} p_c log(1 - p_c)`` in nats, (m, n): 0 when sure and right, large when sure and wrong.

    ``log(1 - p)`` of the surest class is taken from the other classes, so that nothing is lost where p is near 1.

    >>> np.round(modified_entropies(np.log([[[0.9, 0.1]]]), np.array([0])), 4).tolist()  # -0.2 log 0.9
    [[0.0211]]

    Args:
        log_p: log-probabilities, (m, n, c).
        labels: (n,).

    Source: Song and Mittal 2021, arXiv 2003.10595.
    """
    p = np.exp(log_p)
    top = p.argmax(-1)[..., None]
    rest = log_p.copy()
    np.put_along_axis(rest, top, -np.inf, axis=-1)
    left = logsumexp(rest, axis=-1, keepdims=True)
    np.put_along_axis(p, top, 0.0, axis=-1)
    log_not = np.log1p(-p)
    np.put_along_axis(log_not, top, left, axis=-1)
    np.put_along_axis(p, top, np.exp(np.take_along_axis(log_p, top, axis=-1)), axis=-1)
    of = np.broadcast_to(labels[None, :, None], (*log_p.shape[:-1], 1))
    label = np.exp(np.take_along_axis(log_not, of, axis=-1)) * np.take_along_axis(log_p, of, axis=-1)
    others = p * log_not
    np.put_along_axis(others, of, 0.0, axis=-1)
    return np.asarray(-label[..., 0] - others.sum(-1))


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
