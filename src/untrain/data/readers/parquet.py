"""Parquet files."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from untrain.core.errors import MissingExtra
from untrain.data.readers.base import Arrays, Reader

MAGIC = b"PAR1"


class Parquet(Reader):
    """Examples in a Parquet file.

    Args:
        path: the file.
        x: names of the inputs: one column of images or of lists of numbers, or several of numbers; empty finds the
            one column of images.
        label: name of the column of labels.
        id: name of the column of ids, which may name several rows; empty takes 'id' where it is there, and else
            numbers the rows from 0.
        owner: name of the column that says whose each example is; empty takes 'owner' where it is there.

    Source: Apache Parquet, as Hugging Face datasets reads it.
    """

    path: str
    x: tuple[str, ...] = ()
    label: str = "label"
    id: str = ""
    owner: str = ""

    @classmethod
    def takes(cls, path: Path) -> bool:
        """Names that end in .parquet, and files of any name that begin as Parquet does."""
        if path.suffix == ".parquet":
            return True
        try:
            with path.open("rb") as file:
                return file.read(len(MAGIC)) == MAGIC
        except OSError:
            return False

    def read(self) -> Arrays:
        """All rows.

        Raises:
            DataError: the file is missing, empty or damaged, or lacks a column.
            MissingExtra: the library that reads it is not installed.
        """
        adapter = datasets_adapter()
        arrays: Arrays = adapter.read_parquet(self.path, adapter.Wanted(self.x, (self.label,), self.id, owner=self.owner))
        return arrays


def datasets_adapter() -> ModuleType:
    """The adapter of Hugging Face datasets, imported when first needed.

    Raises:
        MissingExtra: a library that it stands on is not installed.
    """
    try:
        from untrain.data.readers import datasets
    except ModuleNotFoundError as error:
        raise MissingExtra(f"reading Parquet needs {error.name}, which is not installed: pip install 'untrain[data]'") from None
    return datasets
