"""Inputs of examples as the matrix of a convex objective."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.data.batching import in_order
from untrain.data.examples import Examples, batch_of
from untrain.data.sparse import Sparse
from untrain.maths.design_matrix import PIECE, DesignMatrix
from untrain.models.tasks.base import Task

Array = np.ndarray[Any, Any]
HELD = 1 << 30  # bytes of float64 up to which inputs are converted once


def rows_of(examples: Examples, task: Task, intercept: bool) -> DesignMatrix:
    """Inputs as a model of the task is shown them, flattened, in float64.

    Sparse rows stay sparse. Dense ones are converted once up to ``HELD`` bytes; more are read and converted in blocks each time, so
    that memory stays bounded.

    >>> import torch
    >>> from untrain.models.tasks.classification import Classification
    >>> images = torch.full((2, 1, 1, 2), 51, dtype=torch.uint8)
    >>> examples = Examples.labelled(images, torch.tensor([0, 1]), np.arange(2), 2)
    >>> rows_of(examples, Classification(), intercept=True).scores(np.array([[1.0, 1.0, 5.0]])).round(6).tolist()
    [[5.4], [5.4]]

    Raises:
        DataError: a number of the inputs is NaN or infinite, so that norms of rows have no bound.
    """
    if isinstance(examples.x, Sparse):
        return checked(DesignMatrix.of(examples.x.matrix, intercept))
    columns = math.prod(task.input_shape(examples))
    size = max(1, PIECE // (8 * columns))

    def blocks() -> Iterator[Array]:
        for rows in in_order(len(examples), size):
            inputs = task.inputs(batch_of(examples, rows)).flatten(1)
            yield inputs.detach().cpu().double().numpy()

    if 8 * columns * len(examples) <= HELD:
        return checked(DesignMatrix.of(np.concatenate(list(blocks())), intercept))
    return checked(DesignMatrix(blocks, len(examples), columns, intercept))


def checked(rows: DesignMatrix) -> DesignMatrix:
    """The same rows, whose norms are finite.

    Raises:
        DataError: a number is NaN or infinite.
    """
    if not math.isfinite(rows.largest_norm()):
        raise DataError("inputs hold NaN or infinite numbers, so that norms of rows have no bound: replace them first")
    return rows
