"""Forget the examples that are named here and now."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.data.examples import Examples
from untrain.data.requests._rows_by_id import rows_with_ids
from untrain.data.requests.base import Request


class Ids(Request):
    """All examples with one of some ids.

    >>> from untrain.data.readers.convert import examples
    >>> Ids(ids=(2, 0)).draw(examples([[0.0], [1.0], [2.0]], [0, 1, 0])).tolist()
    [0, 2]

    Args:
        ids: the ids, whole numbers or text as in the data.

    Source: none; a deletion request short enough to write out.
    """

    ids: tuple[int | str, ...]

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows of the ids; an id names every row that has it.

        Raises:
            RequestError: an id is listed twice or is not in the training data.
        """
        return rows_with_ids(train, self.ids, "the request")
