"""The role of a reader: from where a user has examples to plain arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from untrain.core import discovery
from untrain.core.errors import DataError
from untrain.core.paths import user_path
from untrain.core.spec import Spec

Array = np.ndarray[Any, Any]
RESERVED = ("label", "id", "true", "owner")  # names that have a place of their own


class Arrays(NamedTuple):
    """Inputs ``x`` (n, ...), labels ``y`` (n,), ``ids`` (n,), number of classes if known, columns, and owners if known.

    ``features`` are the names of the numbers of a row of inputs; empty where they have none.
    """

    x: Array
    y: Array
    ids: Array
    classes: int | None
    columns: Mapping[str, Array]
    owner: Array | None = None
    features: tuple[str, ...] = ()


class Reader(Spec, role=True):
    """Reads examples from where a user has them, such as a file or a folder.

    A new reader is one file of this folder that holds a class of its name. One that ``takes`` paths has a field ``path``;
    such paths can then stand for it: ``examples("train.parquet")``.
    """

    @classmethod
    def takes(cls, path: Path) -> bool:
        """Return whether a bare path is for this reader; no path is, unless it says so."""
        return False

    @abstractmethod
    def read(self) -> Arrays:
        """The examples.

        Raises:
            DataError: they cannot be read.
        """

    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of their labels; empty where the source has none."""
        return ()


def reader_of(source: Any) -> Reader | None:
    """Find the reader of what a user gave: itself, or the first that takes a path; None for data in memory.

    Raises:
        DataError: no reader takes the path.
    """
    if isinstance(source, Reader):
        return source
    if not isinstance(source, str | Path):
        return None
    path = user_path(source)
    readers = [discovery.load(place.name) for place in discovery.of_role("reader")]
    for reader in readers:
        if issubclass(reader, Reader) and reader.takes(path):
            return reader(path=str(source))  # type: ignore[call-arg]
    kind = "" if path.exists() else "there is no such file; "
    known = " or ".join(f"{reader.__name__}(path=...)" for reader in readers)
    raise DataError(f"no reader takes {str(source)!r} by its name: {kind}say how to read it, with {known}")
