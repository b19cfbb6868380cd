"""Understanding of data before anything is done with them: columns, classes, ids, twins, odd rows, guesses.

Heavy modules are imported where they are used, so that a ``--help`` costs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from untrain.commands.arguments import Count, Document


def inspect(
    data: Any, id: str = "", label: str = "", owner: str = "", x: Sequence[str] = (), class_names: Sequence[str] = (),
    side: Count | None = None,
) -> Document:  # fmt: skip
    """Show how data are understood, before anything is done.

    Examples:
        untrain inspect people.csv --id person --label outcome
        untrain inspect photos/ --side 64
        untrain inspect reviews.jsonl --json

    Args:
        data: a .csv, .tsv, .parquet, .jsonl, .npz or .npy file, a folder of images with one sub-folder per class, a Hugging Face
            data set saved to disk, package.module:function, or from Python a data frame, a data set of datasets or torch, records,
            a dictionary of columns or a pair (x, y).
        id: column of ids; by default the one that is headed as ids are, and else rows are numbered from 0.
        label: column of labels; by default the one called label, target, y or class.
        owner: column that says whose each row is; by default the one called owner.
        x: column of inputs; by default the images, the texts, or all other columns of numbers.
        class_names: name of a class, in the order of the model's outputs.
        side: pixels on each side of the squares that images become; None leaves images as they are.

    Of a file that is too large for memory a sample is read, and a note says so.

    Returns:
        The document: 'columns', 'classes', 'ids', 'twins', 'odd' rows, 'guessed' roles with the options that say otherwise, and
        'problems' that stand in the way of forgetting.

    Raises:
        DataError: the data cannot be read.
    """
    from untrain.data.column_roles import DataChoices
    from untrain.data.inspection import inspection
    from untrain.data.readers.row_stream import is_too_large
    from untrain.data.sampled import sampled_table
    from untrain.data.understood import understand

    choices = DataChoices(id, label, owner, tuple(x), tuple(class_names), side)
    if is_too_large(data):
        return inspection(understand(sampled_table(data, side), choices))
    return inspection(understand(data, choices))
