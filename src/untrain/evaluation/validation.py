"""Validation of arrays of model outputs: one line of refusal for arrays that do not match, never a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from untrain.core.errors import DataError, suggest
from untrain.evaluation.observation import CORRECTED, SIDES, Observation

Array = np.ndarray[Any, Any]
ONE = "outputs of one column, as of a sigmoid: give logits of two classes, (0, z) for the one logit z of each example"


def observation(
    logits: Array, labels: Array, side: Array, ids: Array | None = None, true: Array | None = None, who: str = "models"
) -> Observation:
    """Check the logits of some models and make an ``Observation`` of them; memory-mapped arrays stay on disk.

    Args:
        logits: floating-point, (m, n, c), or (n, c) of a single model.
        labels: whole numbers in ``range(c)``, (n,).
        side: 'forget', 'retain' or 'test', (n,).
        ids: one per row, no two alike, (n,); rows are numbered from 0 when there are none.
        true: labels before noise, (n,); ``labels`` when there are none.
        who: name of the models in messages, such as 'oracles'.

    Raises:
        DataError: the arrays do not match, or hold values that cannot be scored.
    """
    array = check_logits(logits, who)
    n, classes = array.shape[1:]
    refuse_one_column(array.shape, who)
    sides = sides_of(side, n)
    refuse_constant(array, sides, who)
    labels_array = labels_of(labels, n, classes, "labels")
    id_array = np.arange(n) if ids is None else ids_of(ids, n)
    return Observation.of_logits(
        array, labels_array, labels_array if true is None else labels_of(true, n, classes, "true labels"), sides, id_array
    )


def check_logits(values: Any, who: str) -> Array:
    """Check logits and return them as floating-point numbers with models first; a single model's (n, c) gets its axis.

    Raises:
        DataError: they are not floating-point numbers, are empty, NaN or infinite, or are the same for all examples of a model.
    """
    array: Array = np.asanyarray(values)
    if array.dtype.kind != "f":
        kind = {"O": "Python objects", "i": "whole numbers", "u": "whole numbers", "b": "truth values"}.get(array.dtype.kind)
        raise DataError(f"{who} put out {kind or array.dtype}: floating-point logits are needed, not predicted classes")
    if array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3:
        raise DataError(f"{who} have outputs of shape {array.shape}: logits (m, n, c) are needed, or (n, c) of one model")
    if array.size == 0:
        raise DataError(f"{who} have outputs of shape {array.shape}, which is empty: at least one model and one example are needed")
    for at, row in enumerate(array):
        refuse_not_finite(row, f"model {at} of the {who}")
        if len(row) > 1 and bool((row == row[:1]).all()):
            raise DataError(f"model {at} of the {who} has the same outputs on all {len(row)} examples: there is nothing to score")
    return array


def refuse_one_column(shape: tuple[int, ...], who: str) -> None:
    """Refuse logits (m, n, 1), of which no class can be said.

    Raises:
        DataError: they are.
    """
    if len(shape) == 3 and shape[-1] < 2:
        raise DataError(f"{who} have shape {shape}, {ONE if shape[-1] else 'without a class: at least two classes are needed'}")


def refuse_constant(array: Array, side: Array, who: str) -> None:
    """Refuse a model with the same outputs on all examples of a side, where the side has more than one.

    Args:
        array: outputs, (m, n, ...).
        side: of each example, (n,).
        who: name of the models in messages.

    Raises:
        DataError: a model does.
    """
    for name in (*SIDES, CORRECTED):
        rows = np.flatnonzero(np.asarray(side) == name)
        for at, row in enumerate(array if len(rows) > 1 else ()):
            if bool((row[rows] == row[rows[:1]]).all()):
                same = f"model {at} of the {who} has the same outputs on all {len(rows)} {name} examples"
                raise DataError(f"{same}: there is nothing to score")


def refuse_not_finite(row: Array, who: str) -> None:
    """Refuse outputs of one model that are NaN or infinite.

    Raises:
        DataError: some are.
    """
    bad = ~np.isfinite(row).reshape(len(row), -1).all(1)
    if bad.any():
        raise DataError(f"{who} puts out NaN or infinite values on {int(bad.sum())} of {len(row)} examples, the first in row "
                        f"{int(bad.argmax())}: it cannot be scored")  # fmt: skip


def sides_of(values: Any, n: int) -> Array:
    """Check and return the sides of ``n`` examples.

    Raises:
        DataError: there are more or fewer, one is unknown, or no example is to be forgotten or tested on.
    """
    array = one_per_example(values, n, "sides")
    if array.dtype.kind != "U":
        raise DataError(f"sides hold {array.dtype} such as {array[0].item()!r}: one of {', '.join(SIDES)} is needed for each")
    unknown = np.setdiff1d(array, (*SIDES, CORRECTED))
    if len(unknown):
        raise DataError(f"sides hold {unknown[0].item()!r}{suggest(unknown[0], SIDES)}; a side is one of {', '.join(SIDES)}")
    for side, why in (("forget", "nothing was forgotten"), ("test", "attacks and intervals need examples that no model saw")):
        if not (array == side).any():
            raise DataError(f"no example is of side {side!r}: {why}")
    return array.astype("<U9" if (array == CORRECTED).any() else "<U6")


def labels_of(values: Any, n: int, classes: int, name: str) -> Array:
    """Check and return the labels of ``n`` examples, int64.

    Raises:
        DataError: they are not whole numbers, are out of range, or are more or fewer.
    """
    array = one_per_example(values, n, name)
    if array.dtype.kind not in "iu":
        raise DataError(f"{name} hold {array.dtype} such as {array[0].item()!r}: whole numbers counted from 0 are needed")
    bad = (array < 0) | (array >= classes)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"{name} hold {array[row].item()} in row {row}: with {classes} classes they have to be 0 to {classes - 1}")
    return array.astype(np.int64)


def ids_of(values: Any, n: int) -> Array:
    """Check and return the ids of ``n`` examples, no two alike.

    Raises:
        DataError: they are neither text nor whole numbers, two are alike, or there are more or fewer.
    """
    array = one_per_example(values, n, "ids")
    if array.dtype.kind not in "iuU":
        raise DataError(f"ids hold {array.dtype} such as {array[0].item()!r}: an id is a whole number or text")
    names, counts = np.unique(array, return_counts=True)
    if len(names) < n:
        raise DataError(f"the id {names[counts.argmax()].item()!r} is given to {counts.max()} examples: each needs its own")
    return array


def one_per_example(values: Any, n: int, name: str) -> Array:
    """Check and return an array with one value for each of ``n`` examples.

    Raises:
        DataError: it has another shape.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"{name} have shape {array.shape}: one value for each of the {n} examples is needed, ({n},)")
    if len(array) != n:
        raise DataError(f"there are {len(array)} {name} and outputs on {n} examples: the arrays must cover the same ones")
    return array


def check_same_examples(shapes: Sequence[tuple[str, tuple[int, ...]]]) -> None:
    """Refuse populations with different numbers of examples or classes.

    Args:
        shapes: name and shape (m, n, c) of each, or (m, n).

    Raises:
        DataError: two differ.
    """
    first, shape = shapes[0]
    for name, other in shapes[1:]:
        for axis, what in ((1, "examples"), (2, "classes"))[: len(shape) - 1]:
            if shape[axis] != other[axis]:
                counts = f"{first} have outputs on {shape[axis]} {what} and {name} on {other[axis]}"
                raise DataError(f"{counts}: all models need the same examples and classes")
