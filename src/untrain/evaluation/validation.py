"""The door for what models answered: arrays that do not go together are refused in one line, never scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from untrain.core.errors import DataError, suggest
from untrain.evaluation.observation import CORRECTED, SIDES, Observation

Array = np.ndarray[Any, Any]
SUM = 1e-3  # how far from 1 probabilities may sum


def observation(
    logits: Array, labels: Array, side: Array, ids: Array | None = None, true: Array | None = None, who: str = "models"
) -> Observation:
    """What some models answered, checked; the arrays stay where they are, memory-mapped ones on disk.

    Args:
        logits: floating-point, (m, n, c), or (n, c) of a single model.
        labels: whole numbers in ``range(c)``, (n,).
        side: 'forget', 'retain' or 'test', (n,).
        ids: one a row, no two alike, (n,); rows are numbered from 0 when there are none.
        true: labels before noise, (n,); those given when there are none.
        who: what the models are called in a complaint, such as 'oracles'.

    Raises:
        DataError: the arrays do not go together, or hold what cannot be scored.
    """
    found = answers(logits, who)
    n, classes = found.shape[1:]
    if classes < 2:
        raise DataError(f"{who} have answers of shape {found.shape}: at least two classes are needed, (m, n, c)")
    sides = sides_of(side, n)
    varied(found, sides, who)
    given = labels_of(labels, n, classes, "labels")
    told = np.arange(n) if ids is None else ids_of(ids, n)
    return Observation.of_logits(found, given, given if true is None else labels_of(true, n, classes, "true labels"), sides, told)


def answers(given: Any, who: str) -> Array:
    """Answers as floating-point numbers with models first; a single model's (n, c) gets its axis.

    Raises:
        DataError: they are no floating-point numbers, are empty, NaN or infinite, are probabilities, or a model answers all
            examples alike.
    """
    found: Array = np.asanyarray(given)
    if found.dtype.kind != "f":
        kind = {"O": "Python objects", "i": "whole numbers", "u": "whole numbers", "b": "truth values"}.get(found.dtype.kind)
        raise DataError(f"{who} answer with {kind or found.dtype}: floating-point logits are needed, not predicted classes")
    if found.dtype.itemsize < 4:
        found = found.astype(np.float32)
    if found.ndim == 2:
        found = found[None]
    if found.ndim != 3:
        raise DataError(f"{who} have answers of shape {found.shape}: logits (m, n, c) are needed, or (n, c) of one model")
    if found.size == 0:
        raise DataError(f"{who} have answers of shape {found.shape}, which holds nothing: one model and example are needed")
    for at, row in enumerate(found):
        finite(row, f"model {at} of the {who}")
        if len(row) > 1 and bool((row == row[:1]).all()):
            raise DataError(f"model {at} of the {who} answers all {len(row)} examples alike: there is nothing to score")
        if probabilities(row):
            raise DataError(
                f"model {at} of the {who} answers with probabilities that sum to 1: logits before any softmax are needed"
            )
    return found


def probabilities(row: Array) -> bool:
    """Whether answers of one model, (n, c) of at least two classes, are what a softmax gives, not what it takes."""
    return row.shape[-1] > 1 and bool(row.min() >= 0 and row.max() <= 1 and (abs(row.sum(-1) - 1) <= SUM).all())


def varied(found: Array, side: Array, who: str) -> None:
    """Refuse a model that answers all examples of a side alike; a side of one example says nothing of that.

    Args:
        found: answers, (m, n, ...).
        side: of each example, (n,).
        who: what the models are called in a complaint.

    Raises:
        DataError: a model does.
    """
    for name in (*SIDES, CORRECTED):
        rows = np.flatnonzero(np.asarray(side) == name)
        for at, row in enumerate(found if len(rows) > 1 else ()):
            if bool((row[rows] == row[rows[:1]]).all()):
                raise DataError(f"model {at} of the {who} answers all {len(rows)} {name} examples alike: there is nothing to score")


def finite(row: Array, who: str) -> None:
    """Refuse answers of one model that are NaN or infinite.

    Raises:
        DataError: some are.
    """
    bad = ~np.isfinite(row).reshape(len(row), -1).all(1)
    if bad.any():
        raise DataError(f"{who} answers {int(bad.sum())} of {len(row)} examples with NaN or infinite values, the first in row "
                        f"{int(bad.argmax())}: it cannot be scored")  # fmt: skip


def sides_of(given: Any, n: int) -> Array:
    """Sides of ``n`` examples.

    Raises:
        DataError: there are more or fewer, one is unknown, or there is no example to forget or to test on.
    """
    found = one_each(given, n, "sides")
    if found.dtype.kind != "U":
        raise DataError(f"sides hold {found.dtype} such as {found[0].item()!r}: one of {', '.join(SIDES)} is needed for each")
    unknown = np.setdiff1d(found, (*SIDES, CORRECTED))
    if len(unknown):
        raise DataError(f"sides hold {unknown[0].item()!r}{suggest(unknown[0], SIDES)}; there is {', '.join(SIDES)}")
    for side, why in (("forget", "nothing was forgotten"), ("test", "attacks and intervals need examples that no model saw")):
        if not (found == side).any():
            raise DataError(f"no example is of side {side!r}: {why}")
    return found.astype("<U9" if (found == CORRECTED).any() else "<U6")


def labels_of(given: Any, n: int, classes: int, name: str) -> Array:
    """Labels of ``n`` examples, int64.

    Raises:
        DataError: they are no whole numbers, out of range, or more or fewer.
    """
    found = one_each(given, n, name)
    if found.dtype.kind not in "iu":
        raise DataError(f"{name} hold {found.dtype} such as {found[0].item()!r}: whole numbers counted from 0 are needed")
    bad = (found < 0) | (found >= classes)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"{name} hold {found[row].item()} in row {row}: with {classes} classes they have to be 0 to {classes - 1}")
    return found.astype(np.int64)


def ids_of(given: Any, n: int) -> Array:
    """Ids of ``n`` examples, no two alike.

    Raises:
        DataError: they are neither text nor whole numbers, two are alike, or there are more or fewer.
    """
    found = one_each(given, n, "ids")
    if found.dtype.kind not in "iuU":
        raise DataError(f"ids hold {found.dtype} such as {found[0].item()!r}: an id is a whole number or text")
    names, counts = np.unique(found, return_counts=True)
    if len(names) < n:
        raise DataError(f"the id {names[counts.argmax()].item()!r} is given to {counts.max()} examples: each needs its own")
    return found


def one_each(given: Any, n: int, name: str) -> Array:
    """An array with one value for each of ``n`` examples.

    Raises:
        DataError: it has another shape.
    """
    found = np.asarray(given)
    if found.ndim != 1:
        raise DataError(f"{name} have shape {found.shape}: one value for each of the {n} examples is needed, ({n},)")
    if len(found) != n:
        raise DataError(f"there are {len(found)} {name} and answers to {n} examples: the arrays have to tell of the same ones")
    return found


def alike(shapes: Sequence[tuple[str, tuple[int, ...]]]) -> None:
    """Refuse populations that answer other numbers of examples or classes.

    Args:
        shapes: name and shape (m, n, c) of each, or (m, n).

    Raises:
        DataError: two differ.
    """
    first, shape = shapes[0]
    for name, other in shapes[1:]:
        for axis, what in ((1, "examples"), (2, "classes"))[: len(shape) - 1]:
            if shape[axis] != other[axis]:
                told = f"{first} answer on {shape[axis]} {what} and {name} on {other[axis]}"
                raise DataError(f"{told}: all models have to be asked the same")
