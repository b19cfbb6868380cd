"""Splits of a data set into parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from untrain.data.examples import Examples as Examples

Rows = np.ndarray[Any, Any]


def balanced(y: Rows, size: int, seed: int) -> Rows:
    """Draw ``size`` rows in random order, as many of each class as the data allow.

    Classes take turns: each gives an example until it has none left.

    >>> y = np.array([0, 0, 0, 0, 1])
    >>> np.bincount(y[balanced(y, 3, seed=0)]).tolist()
    [2, 1]
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    rank = np.empty(len(y), dtype=np.int64)
    for label in np.unique(y):
        own = order[y[order] == label]
        rank[own] = np.arange(len(own))
    chosen = order[np.argsort(rank[order], kind="stable")[:size]]
    return rng.permutation(chosen)


def balanced_or_all(y: Rows, size: int | None, seed: int) -> Rows:
    """Draw ``size`` rows as ``balanced`` does, in ascending order; all rows where it is None.

    >>> balanced_or_all(np.array([0, 0, 1]), None, seed=0).tolist()
    [0, 1, 2]
    """
    return np.arange(len(y)) if size is None else np.sort(balanced(y, size, seed))


def stratified(y: Rows, shares: tuple[float, ...], seed: int) -> list[Rows]:
    """Rows of each part in ascending order; every class is cut in these shares, and the last part gets the rest.

    >>> [len(rows) for rows in stratified(np.array([0, 0, 0, 0, 1, 1]), (0.5, 0.5), seed=0)]
    [3, 3]
    """
    rng = np.random.default_rng(seed)
    parts: list[list[Rows]] = [[] for _ in shares]
    for label in np.unique(y):
        own = rng.permutation(np.flatnonzero(y == label))
        cuts = np.round(np.cumsum(shares[:-1]) * len(own)).astype(np.int64)
        for part, rows in zip(parts, np.split(own, cuts), strict=True):
            part.append(rows)
    return [np.sort(np.concatenate(part)) for part in parts]


@dataclass(frozen=True, eq=False)
class Data:
    """Examples of a scenario: ``train`` to learn from, ``valid`` (disjoint) to tune on, ``test`` to report.

    ``probes`` are further sets, by name, to run trained models on, such as paraphrases: nothing learns from them.
    An example of a probe that has the id of a training or a test example is about that one, and several may be about one.
    """

    train: Examples
    valid: Examples
    test: Examples
    probes: Mapping[str, Examples] = field(default_factory=dict)
