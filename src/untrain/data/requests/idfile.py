"""Forget the examples that a file names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from untrain.data.examples import Examples
from untrain.data.readers.id_files import numbers, read
from untrain.data.requests._rows_by_id import bearers
from untrain.data.requests.base import Request


class IdFile(Request):
    """All examples that bear an id listed in a file: .csv with one column, .txt with one id a line, or .npy.

    Args:
        path: the file; the first line of a text file may be a heading.

    Source: none; it is what a deletion request looks like.
    """

    path: str

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """The rows; an id names every row that bears it.

        Raises:
            RequestError: the file cannot be read, or an id is no id, is listed twice or is not in the training data.
        """
        file, integers = Path(self.path), train.ids.dtype.kind in "iu"
        listed = read(file, integers)
        wanted: list[Any] = numbers(file, listed, bool((train.ids >= 0).all())) if integers else listed
        return bearers(train, wanted, str(file))
