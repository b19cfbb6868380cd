"""Forget the examples that are named here and now."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import numpy as np
from torch import Tensor

from untrain.core.errors import RequestError
from untrain.data.examples import Examples
from untrain.data.requests._rows_by_id import rows_with_ids
from untrain.data.requests.base import Request


class Ids(Request):
    """All examples with one of these ids.

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


def ids_of(forget: Any) -> tuple[Any, ...]:
    """Ids in a list, an array or a set of them.

    Raises:
        RequestError: it is none of these.
    """
    ids = list(forget) if isinstance(forget, Set) else forget
    if isinstance(ids, str | bytes) or np.ndim(ids) != 1:
        raise RequestError(f"cannot read {forget!r} as a request: give a list of ids, such as [3, 7], or Random(fraction=0.1)")
    # One by one: as an array, text would swallow numbers, and numbers of 64 bits of both signs become fractions.
    return tuple(i.item() if isinstance(i, np.generic | Tensor) else i for i in ids)
