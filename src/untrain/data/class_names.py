"""Labels as users hold them, words or any numbers, to numbers of classes from 0 on, with the names kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from untrain.core.errors import DataError, suggest

Array = np.ndarray[Any, Any]
SEVERAL = 1_000  # distinct labels beyond which they are hardly classes


def numbered(labels: Array, names: Sequence[str] = (), outputs: int | None = None) -> tuple[Array, tuple[str, ...], str]:
    """Numbers of classes, names of the classes in that order, and a sentence on how the two go together.

    Whole numbers that already count the outputs of a model stay as they are. All other labels are numbered in the order of
    ``names``, or else in their own: words alphabetically, as scikit-learn and folders of images do.

    >>> numbered(np.array(["dog", "cat", "dog"]))[:2]
    (array([1, 0, 1]), ('cat', 'dog'))
    >>> numbered(np.array([1, 2, 1]), outputs=2)[:2]
    (array([0, 1, 0]), ('1', '2'))
    >>> numbered(np.array([0, 2, 2]), outputs=3)[:2]
    (array([0, 2, 2]), ('0', '1', '2'))

    Args:
        labels: words, whole numbers or truth values, (n,).
        names: of the classes, in the order of the model's outputs; empty where they are not known.
        outputs: number of the model's outputs; None where no model is known.

    Raises:
        DataError: labels are fractions, or one is not among the names, or there are more classes than outputs.
    """
    if labels.ndim != 1 or labels.dtype.kind not in "biufU":
        raise DataError(f"labels have shape {labels.shape} and type {labels.dtype}: one word or whole number per row is needed")
    if labels.dtype.kind == "f":
        if not bool((labels == np.floor(labels)).all()):
            shown = labels[labels != np.floor(labels)][0]
            raise DataError(f"a label is {shown:g}: classes are words or whole numbers, without empty cells")
        labels = labels.astype(np.int64)
    present = np.unique(labels)
    if len(present) > SEVERAL:
        raise DataError(f"there are {len(present)} different labels: these are hardly classes; --label COLUMN names others")
    words = [str(each) for each in present.tolist()]
    counts = labels.dtype.kind in "iu" and int(present[0]) >= 0
    if names:
        return _by_names(labels, present, words, tuple(names), counts)
    if counts and (int(present[-1]) < outputs if outputs is not None else int(present[-1]) < 2 * len(present)):
        size = outputs if outputs is not None else int(present[-1]) + 1
        return labels.astype(np.int64), tuple(map(str, range(size))), "labels are numbers of classes already"
    if outputs is not None and len(present) > outputs:
        raise DataError(f"the data have {len(present)} classes ({_some(words)}), and the model {outputs} outputs")
    if outputs is not None and len(present) < outputs:
        raise DataError(
            f"the data have {len(present)} classes ({_some(words)}), and the model {outputs} outputs: say which output is "
            "which class, with --class-name NAME for each output in order"
        )
    how = "labels are numbered in " + ("alphabetical order" if labels.dtype.kind == "U" else "ascending order")
    return np.searchsorted(present, labels).astype(np.int64), tuple(words), f"{how}; --class-name, repeated, gives another order"


def _by_names(
    labels: Array, present: Array, words: list[str], names: tuple[str, ...], counts: bool
) -> tuple[Array, tuple[str, ...], str]:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"the class {twice!r} is named twice: give each output a name of its own")
    strange = [word for word in words if word not in names]
    if not strange:
        place = {name: at for at, name in enumerate(names)}
        numbers = np.array([place[word] for word in words], dtype=np.int64)
        return numbers[np.searchsorted(present, labels)], names, "labels are the names of the classes"
    if counts and int(present[-1]) < len(names):
        return labels.astype(np.int64), names, "labels are numbers of classes already"
    raise DataError(f"the label {strange[0]!r} is not among the classes, {_some(list(names))}{suggest(strange[0], names)}")


def _some(words: list[str]) -> str:
    return ", ".join(words[:6]) + (", ..." if len(words) > 6 else "")
