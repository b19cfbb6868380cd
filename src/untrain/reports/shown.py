"""Examples as a report shows them: an image, a text or a row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from untrain.reports.formatting import label_text

Array = np.ndarray[Any, Any]
Kind = Literal["image", "text", "row"]
COLUMNS = 10  # of a row that are shown


@dataclass(frozen=True, eq=False)
class Shown:
    """One example, ready to be drawn.

    Args:
        kind: which of the other fields is shown.
        image: pixels, (c, h, w) with one or three channels; bytes, or numbers whose range is that of all images shown together.
        text: plain text; the page cuts and escapes it.
        cells: name and value of each column, in order.
    """

    kind: Kind
    image: Array | None = None
    text: str = ""
    cells: tuple[tuple[str, str], ...] = ()


def of_inputs(inputs: Array, names: Sequence[str] | None = None) -> list[Shown]:
    """Texts (n,), rows of a table (n, d), or images of an array of inputs (n, ...), as runs store them.

    Of a long row the first columns are shown, and how many more there are.

    >>> of_inputs(np.array([[0.5, -1.25]]), ["age", "bmi"])[0].cells
    (('age', '0.5'), ('bmi', '−1.25'))

    Args:
        inputs: of the examples.
        names: of the d columns; None for their places.
    """
    if inputs.dtype.kind == "U":
        return [Shown("text", text=str(row)) for row in inputs]
    if inputs.ndim == 2:
        names = [f"x[{at}]" for at in range(inputs.shape[1])] if names is None else names
        return [Shown("row", cells=_cells(row, names)) for row in inputs]
    return [Shown("image", image=np.asarray(row)) for row in inputs]


def _cells(row: Array, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    cells = tuple((name, label_text(float(value))) for name, value in zip(names[:COLUMNS], row, strict=False))
    return cells if len(row) <= COLUMNS else (*cells, ("…", f"{len(row) - COLUMNS:,} more"))
