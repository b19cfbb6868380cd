"""Examples to tune on, set apart from those to train on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from untrain.core.errors import DataError, RequestError
from untrain.core.metering import metered
from untrain.data.examples import Examples
from untrain.data.requests.base import Request
from untrain.data.requests.verbs import drawn, named
from untrain.data.splits import Rows

SPLIT_SEED = 0


def set_apart(whole: Examples, request: Request, share: float) -> Rows:
    """Ids to set apart: drawn until they hold their share of the rows, without those that the request names.

    >>> from untrain.data.readers.convert import examples
    >>> from untrain.data.requests.ids import Ids
    >>> set_apart(examples([[0.0], [1.0], [2.0]], [0, 1, 0]), Ids(ids=(0, 2)), 0.3).tolist()
    [1]

    Args:
        whole: all examples; rows that share an id stay together.
        request: what is to be forgotten, which has to stay among what is trained on.
        share: of the rows.

    Raises:
        DataError: all rows have one id.
    """
    if not share:
        return whole.ids[:0]
    ids, counts = np.unique(whole.ids, return_counts=True)
    if len(ids) < 2:
        raise DataError(f"all {len(whole)} rows of train have the id {ids[0].item()!r}: a part to tune on needs others")
    order = np.random.default_rng(SPLIT_SEED).permutation(len(ids))
    order = order[~np.isin(ids[order], _named(request, whole))]
    enough = int(np.searchsorted(np.cumsum(counts[order]), share * len(whole))) + 1
    return np.asarray(ids[order[: min(enough, len(ids) - 1)]])


def check_whole(whole: Examples, request: Request) -> None:
    """Check that a request names all rows of an id or none, where several rows share one.

    Args:
        whole: all examples.
        request: what is to be forgotten.

    Raises:
        DataError: it names some.
    """
    rows = _rows(drawn, request, whole)
    parts = np.flatnonzero(np.isin(whole.ids, whole.ids[rows]) & ~np.isin(np.arange(len(whole)), rows))
    if len(parts):
        raise DataError(
            f"the request names a part of {whole.ids[parts[0]].item()!r}, of which the rest would stay: take whole ones, by Ids, "
            "Owner or Where"
        )


def _named(request: Request, whole: Examples) -> Rows:
    return np.asarray(whole.ids[_rows(named, request, whole)])


def _rows(verb: Callable[[Request, Examples], Rows], request: Request, whole: Examples) -> Rows:
    try:
        with metered() as meter:
            rows = verb(request, whole)
            meter.notes.clear()  # they are of the whole; those of the training set come when the request is drawn
        return np.asarray(rows)
    except RequestError:  # raised again when the request is drawn from the training set
        return np.arange(0)
