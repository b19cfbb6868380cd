"""Forget the examples that are named here and now."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.data.examples import Examples
from untrain.data.requests._rows_by_id import bearers
from untrain.data.requests.base import Request


class Ids(Request):
    """All examples that bear one of some ids.

    Args:
        ids: the ids, whole numbers or text as in the data.

    Source: none; it is a deletion request short enough to be written down.
    """

    ids: tuple[int | str, ...]

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """The rows; an id names every row that bears it.

        Raises:
            RequestError: an id is listed twice or is not in the training data.
        """
        return bearers(train, self.ids, "the request")
