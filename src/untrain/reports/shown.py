"""Examples as a report shows them: an image, a text or a row of a table."""

from __future__ import annotations

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


def of_inputs(inputs: Array) -> list[Shown]:
    """Texts (n,), rows of a table (n, d), or images of an array of inputs (n, ...), as runs store them.

    Of a long row the first columns are shown, named by their place, and how many more there are.

    >>> of_inputs(np.array([[0.5, -1.25]]))[0].cells
    (('x[0]', '0.5'), ('x[1]', '−1.25'))
    """
    if inputs.dtype.kind == "U":
        return [Shown("text", text=str(row)) for row in inputs]
    if inputs.ndim == 2:
        return [Shown("row", cells=_cells(row)) for row in inputs]
    return [Shown("image", image=np.asarray(row)) for row in inputs]


def _cells(row: Array) -> tuple[tuple[str, str], ...]:
    cells = tuple((f"x[{at}]", label_text(float(value))) for at, value in enumerate(row[:COLUMNS]))
    return cells if len(row) <= COLUMNS else (*cells, ("…", f"{len(row) - COLUMNS:,} more"))
