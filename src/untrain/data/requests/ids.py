"""Forget the examples that a file names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from untrain.core.errors import RequestError
from untrain.core.records import Examples
from untrain.core.roles import Request
from untrain.data.idfile import numbers, read


class Ids(Request):
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
        twice = [i for i, count in Counter(wanted).items() if count > 1]
        if twice:
            raise RequestError(f"{file} lists {_some(twice)} more than once: list each id once")
        known = set(train.ids.tolist())
        missing = [i for i in wanted if i not in known]
        if missing:
            raise RequestError(
                f"{file} lists {len(missing)} of {len(wanted)} ids that the training data lack: {_some(missing)}; "
                f"ids there are such as {_some(train.ids[:3].tolist(), cut=3)}"
            )
        names = set(wanted)
        return np.flatnonzero([i in names for i in train.ids.tolist()])


def _some(values: list[Any], cut: int = 5) -> str:
    return ", ".join(repr(v) for v in values[:cut]) + (", ..." if len(values) > cut else "")
