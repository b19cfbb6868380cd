"""A Parquet file and what its columns are."""

from __future__ import annotations

from untrain.core.spec import Spec


class Parquet(Spec):
    """Examples in a Parquet file.

    Args:
        path: the file.
        x: names of the inputs: one column of images or of lists of numbers, or several of numbers; empty finds the
            one column of images.
        label: name of the column of labels.
        id: name of the column of ids, which may name several rows; empty takes 'id' where it is there, and else
            numbers the rows from 0.

    Source: Apache Parquet, as Hugging Face datasets reads it.
    """

    path: str
    x: tuple[str, ...] = ()
    label: str = "label"
    id: str = ""
