"""Request for the examples that a file names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from untrain.data.examples import Examples
from untrain.data.readers.id_files import numbers, read
from untrain.data.requests._rows_by_id import rows_with_ids
from untrain.data.requests.base import Request


class IdFile(Request):
    """All examples whose id is listed in a file: .csv with one column, .txt with one id per line, or .npy.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from untrain.data.readers.convert import examples
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "ids.txt"
    ...     _ = path.write_text("2")
    ...     rows = IdFile(path=str(path)).draw(examples([[0.0], [1.0], [2.0]], [0, 1, 0]))
    >>> rows.tolist()
    [2]

    Args:
        path: the file; the first line of a text file may be a heading.

    Source: none; the usual form of deletion requests.
    """

    path: str

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows of the ids; an id names every row that has it.

        Raises:
            RequestError: the file cannot be read, or an entry is not an id, is listed twice or is not in the training data.
        """
        file, integers = Path(self.path), train.ids.dtype.kind in "iu"
        listed = read(file, integers)
        ids: list[Any] = numbers(file, listed, bool((train.ids >= 0).all())) if integers else listed
        return rows_with_ids(train, ids, str(file))
