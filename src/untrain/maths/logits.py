"""Losses, margins and correctness, derived from logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, Any]


def correct(logits: Array, labels: Array) -> Array:
    """1 where the largest logit is the label's, 0 elsewhere: float (m, n); ties go to the lower class.

    >>> correct(np.array([[[2.0, 1.0], [2.0, 1.0]]]), np.array([0, 1])).tolist()
    [[1.0, 0.0]]
    """
    return np.asarray(logits.argmax(-1) == labels, dtype=np.float64)


def log_probabilities(logits: Array) -> Array:
    """Logarithms of the probabilities of all classes, (m, n, c).

    >>> np.round(log_probabilities(np.array([[[0.0, 0.0]]])), 4).tolist()  # log(1 / 2)
    [[[-0.6931, -0.6931]]]
    """
    wide = np.asarray(logits, dtype=np.float64)
    top = wide.argmax(-1)[..., None]
    below = wide - np.take_along_axis(wide, top, axis=-1)
    others = np.exp(below)
    np.put_along_axis(others, top, 0.0, axis=-1)  # log1p of the others keeps what 1 + tiny would lose
    return np.asarray(below - np.log1p(others.sum(-1, keepdims=True)))


def losses(logits: Array, labels: Array) -> Array:
    """Cross-entropy in nats, ``log(1 + exp(-margin))``, (m, n); it is 0 from a margin of 746 on, so rank examples by their margins.

    >>> np.round(losses(np.array([[[0.0, 0.0]]]), np.array([0])), 4).tolist()  # log 2
    [[0.6931]]
    >>> float(losses(np.array([[[100.0, 0.0]]]), np.array([0]))[0, 0])  # exp(-100), where 1 - exp(-100) is 1
    3.720075976020836e-44
    """
    return np.asarray(np.logaddexp(0, -margins(logits, labels)))


def confidences(logits: Array, labels: Array) -> Array:
    """Probability of the label, (m, n).

    >>> np.round(confidences(np.array([[[0.0, 0.0]]]), np.array([0])), 4).tolist()
    [[0.5]]
    """
    return np.asarray(np.exp(-losses(logits, labels)))


def margins(logits: Array, labels: Array) -> Array:
    """``log p_y - log(1 - p_y)``, (m, n): the logit of the label less the log-sum-exp of the others.

    >>> margins(np.array([[[2.0, 0.0]]]), np.array([0])).tolist()
    [[2.0]]
    """
    if len(logits) > 1:  # one model at a time: wide copies of all would be many times a memory-mapped array
        return np.concatenate([margins(row[None], labels) for row in logits])
    wide = np.asarray(logits, dtype=np.float64)
    rest = wide.copy()
    np.put_along_axis(rest, _index(wide, labels), -np.inf, axis=-1)
    return np.asarray(of_label(wide, labels) - logsumexp(rest)[..., 0])


def logsumexp(table: Array) -> Array:
    """``log(sum(exp(x)))`` over the last dimension, which is kept with a length of 1; by torch, several times as fast as scipy.

    >>> logsumexp(np.array([[0.0, 0.0], [-np.inf, -np.inf]])).tolist()
    [[0.6931471805599453], [-inf]]
    """
    return np.asarray(torch.from_numpy(np.ascontiguousarray(table)).logsumexp(-1, keepdim=True).numpy())


def _index(logits: Array, labels: Array) -> Array:
    return np.broadcast_to(labels[None, :, None], (*logits.shape[:-1], 1))


def of_label(table: Array, labels: Array) -> Array:
    """The entry of each example's label in a table (m, n, c), (m, n).

    >>> of_label(np.array([[[5.0, 7.0]]]), np.array([1])).tolist()
    [[7.0]]
    """
    return np.asarray(np.take_along_axis(table, _index(table, labels), axis=-1)[..., 0])
