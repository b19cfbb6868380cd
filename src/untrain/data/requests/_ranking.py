"""The most and the least memorized examples, by scores that a file, a column of the data or an ensemble gives."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from untrain.core.errors import RequestError
from untrain.data.examples import MEMORIZATION, Examples
from untrain.data.readers.score_files import scores
from untrain.data.requests._fraction import share

Array = np.ndarray[Any, Any]
Others = Literal["refuse", "ignore"]
LEAST = 16  # within as many models each example is seen by eight, and not seen by eight


@dataclass(frozen=True)
class RequestRanking:
    """What is taken: which end, what share of the whole training set, of which classes, and the seed of lots."""

    most: bool
    fraction: float
    classes: Sequence[int]
    seed: int


def ranked(train: Examples, by: RequestRanking, file: str, others: Others) -> Array:
    """Rows of the examples at one end of the ranking, ascending.

    Scores below 0 count as 0: no example is memorized less than not at all, and to rank by how far noise went below would
    take those that noise moves most. Equals are drawn by lot: in the order of digests of the seed and their ids.

    Args:
        train: the training data.
        by: what is taken.
        file: of scores; empty for the column 'memorization' of the data.
        others: what becomes of scores for ids that the training data lack.

    Raises:
        RequestError: there are no scores, one is NaN, none is above 0, or so many examples cannot be taken.
    """
    pool, count = share(train, by.fraction, by.classes)
    found = np.maximum(_scores(train, file, others)[pool], 0.0)
    order = np.lexsort((pool, lots(train.ids[pool], by.seed), -found if by.most else found))
    return np.sort(pool[order[:count]])


def _scores(train: Examples, file: str, others: Others) -> Array:
    """Memorization of each training example, (n,)."""
    where = file or f"the column {MEMORIZATION!r}"
    if file:
        found = scores(Path(os.path.expanduser(file)), train, others == "ignore")
    elif MEMORIZATION in train.columns:
        found = np.asarray(train.columns[MEMORIZATION])
    else:
        raise RequestError(
            "nobody knows the memorization of these examples: name a file of it, scores='scores.csv', as `untrain memorize` writes "
            f"it, or give the data a column {MEMORIZATION!r}; where a scenario has this request, it is found out by itself"
        )
    if found.dtype.kind not in "fiu":
        raise RequestError(f"{where} holds {found.dtype}: numbers from -1 to 1 are needed")
    unknown = np.flatnonzero(np.isnan(found))
    if len(unknown):
        raise RequestError(
            f"{where} is NaN for {len(unknown)} of {len(train)} examples, such as id {train.ids[unknown[0]].item()!r}: too few "
            "models saw them, or too few did not; use more models"
        )
    if not (np.abs(found) <= 1).all():
        raise RequestError(f"{where} goes from {found.min():g} to {found.max():g}: memorization lies between -1 and 1")
    if not (found > 0).any():
        raise RequestError(f"{where} holds no score above 0: nothing is memorized, so there is no most and no least of it")
    return found


def lots(ids: Array, seed: int) -> Array:
    """A number for each id by which equals are put in order, uint64 (n,); where a row is does not matter."""
    digests = (hashlib.sha256(f"{seed} {i!r}".encode()).digest() for i in ids.tolist())
    return np.asarray([int.from_bytes(d[:8], "big") for d in digests], dtype=np.uint64)
