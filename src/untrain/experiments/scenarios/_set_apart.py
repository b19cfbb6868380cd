"""Examples to tune on, set apart from those to train on."""

from __future__ import annotations

import numpy as np

from untrain.core.errors import DataError, RequestError
from untrain.core.metering import metered
from untrain.data.examples import Examples
from untrain.data.requests.base import Request
from untrain.data.requests.verbs import named
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


def _named(request: Request, whole: Examples) -> Rows:
    try:
        with metered() as meter:
            rows = named(request, whole)
            meter.notes.clear()  # they are of the whole; those of the training set come when the request is drawn
        return np.asarray(whole.ids[rows])
    except RequestError:  # raised again when the request is drawn from the training set
        return whole.ids[:0]
