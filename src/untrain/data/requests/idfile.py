"""Request for the examples that a file names."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.data.examples import Examples
from untrain.data.id_index import Id, IdIndex
from untrain.data.id_lists import ids_in_file
from untrain.data.readers.id_files import Alike, Gone, Reading
from untrain.data.requests._rows_by_id import rows_of
from untrain.data.requests.base import Request


class IdFile(Request):
    """All examples with an id in a file: .csv or .tsv with a column of ids, .txt with one id per line, .npy or .npz.

    The data say what is an id: a first line is a heading only where it is none of theirs. Ids that they lack, ids listed
    again or written in another way are counted in a note; where a list can be read in several ways, the error names them.

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
        path: the file.
        heading: whether the first line is a heading; None asks the data.
        column: name of the column of ids, or its number from 1; empty asks the heading and the data.
        alike: whether a word that looks like an id of the data but is written in another way (capitals, Unicode forms, zeros,
            dashes, quotes, folders), or that holds ids beside other text, names the 'same' or an 'other' one; 'ask' makes it an
            error.
        gone: whether to 'report' or 'refuse' ids that the data lack; 'ask' refuses them where none is known, or one may be
            mistyped, and else reports them.

    Source: none; the usual form of deletion requests.
    """

    path: str
    heading: bool | None = None
    column: str = ""
    alike: Alike = "ask"
    gone: Gone = "ask"

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows of the ids; an id names every row that has it.

        Raises:
            RequestError: the file cannot be read, can be read in several ways, or names what is not an id of the training data.
        """
        return rows_of(train, self.ids(IdIndex(train.ids)))

    def ids(self, index: IdIndex, data: str = "the training data") -> list[Id]:
        """Ids of the data that the file lists, each once, in its order.

        Args:
            index: ids of the data.
            data: name of the data in messages.

        Raises:
            RequestError: as of ``draw``.
        """
        return ids_in_file(self.path, index, Reading(self.heading, self.column, self.alike, self.gone), data)
