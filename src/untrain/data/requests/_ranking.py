"""The most and the least memorized examples, by scores that a file, a column of the data or an ensemble gives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from untrain.core.errors import RequestError
from untrain.core.paths import user_path
from untrain.data.examples import MEMORIZATION, Examples
from untrain.data.readers.score_files import scores
from untrain.data.requests._fraction import pool_and_count

Array = np.ndarray[Any, Any]
Others = Literal["refuse", "ignore"]
Order = Literal["most", "least"]
LEAST = 16  # of as many models, eight see each example and eight do not


@dataclass(frozen=True)
class RequestRanking:
    """Part of a ranking: which end, which share of the whole training set, of which classes, and the seed of lots."""

    order: Order
    fraction: float
    classes: Sequence[int]
    seed: int


def select_by_rank(train: Examples, by: RequestRanking, file: str, others: Others) -> Array:
    """Rows of the examples at one end of the ranking, ascending.

    Scores below 0 count as 0: no example is memorized less than not at all, and a ranking below 0 would take the examples
    with the most noise. Lots decide between equals: the order of digests of the seed and their ids.

    Args:
        train: the training data.
        by: part of the ranking to take.
        file: of scores; empty for the column 'memorization' of the data.
        others: whether to refuse or ignore scores for ids that the training data lack.

    Raises:
        RequestError: there are no scores, one is NaN, none is above 0, or so many examples cannot be taken.
    """
    pool, count = pool_and_count(train, by.fraction, by.classes)
    memorization = np.maximum(_scores(train, file, others)[pool], 0.0)
    ranking = np.lexsort((pool, lots(train.ids[pool], by.seed), -memorization if by.order == "most" else memorization))
    return np.sort(pool[ranking[:count]])


def _scores(train: Examples, file: str, others: Others) -> Array:
    """Memorization of each training example, (n,)."""
    where = file or f"the column {MEMORIZATION!r}"
    if file:
        values = scores(user_path(file), train, others == "ignore")
    elif MEMORIZATION in train.columns:
        values = np.asarray(train.columns[MEMORIZATION])
    else:
        raise RequestError(
            "the memorization of these examples is not known: name a file of it, scores='scores.csv', as `untrain memorize` writes "
            f"it, or give the data a column {MEMORIZATION!r}; as the request of a scenario it trains models to find out"
        )
    if values.dtype.kind not in "fiu":
        raise RequestError(f"{where} holds {values.dtype}: numbers from -1 to 1 are needed")
    unknown = np.flatnonzero(np.isnan(values))
    if len(unknown):
        raise RequestError(
            f"{where} is NaN for {len(unknown)} of {len(train)} examples, such as id {train.ids[unknown[0]].item()!r}: too few "
            "models saw them, or too few did not; use more models"
        )
    if not (np.abs(values) <= 1).all():
        raise RequestError(f"{where} goes from {values.min():g} to {values.max():g}: memorization lies between -1 and 1")
    if not (values > 0).any():
        raise RequestError(f"{where} holds no score above 0: nothing is memorized, so there is nothing to rank")
    return values


def lots(ids: Array, seed: int) -> Array:
    """Number per id that puts equals in order, uint64 (n,), whatever the order of rows."""
    digests = (hashlib.sha256(f"{seed} {i!r}".encode()).digest() for i in ids.tolist())
    return np.asarray([int.from_bytes(d[:8], "big") for d in digests], dtype=np.uint64)
