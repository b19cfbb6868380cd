"""Folds: parts of the data such that whoever learns from all but one has seen nothing of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from untrain.core.errors import BadInput

Array = np.ndarray[Any, Any]


def bound_together(*kinds: Array) -> Array:
    """Number the groups of rows that share a value of any kind, directly or through others, (n,).

    >>> bound_together(np.array(["a", "b", "c", "d"]), np.array([1, 2, 2, 3])).tolist()
    [0, 1, 1, 2]

    Args:
        kinds: values of each row, (n,), such as ids and digests of inputs.
    """
    count = len(kinds[0])
    rows, nodes, more = [], [], count
    for values in kinds:
        named = np.unique(values, return_inverse=True)[1]
        rows.append(np.arange(count))
        nodes.append(more + named)
        more += int(named.max(initial=-1)) + 1
    ends = np.concatenate(rows), np.concatenate(nodes)
    graph = coo_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(more, more))
    return np.asarray(connected_components(graph, directed=False)[1][:count])


def draw_folds(labels: Array, groups: Array, folds: int, seed: int) -> Array:
    """The fold of each row, (n,): groups stay whole, and each fold has its share of each class.

    >>> of = draw_folds(np.array([0, 0, 1, 1]), np.arange(4), 2, 0)
    >>> sorted(of[:2].tolist()), sorted(of[2:].tolist())
    ([0, 1], [0, 1])

    Args:
        labels: numbers of classes, (n,).
        groups: of rows that must not be parted, (n,).
        folds: their number.
        seed: of the draw.

    Raises:
        BadInput: there are fewer groups than folds.
    """
    known, first, group = np.unique(groups, return_index=True, return_inverse=True)
    if not 2 <= folds <= len(known):
        raise BadInput(f"folds={folds}: from 2 to {len(known)} are possible: {len(labels)} rows have so many ids and inputs")
    order = np.random.default_rng(seed).permutation(len(known))
    order = order[np.argsort(labels[first[order]], kind="stable")]
    fold = np.empty(len(known), dtype=np.int64)
    fold[order] = np.arange(len(known)) % folds
    return np.asarray(fold[group])
