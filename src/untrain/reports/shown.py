"""Examples as a report shows them: an image, a text or a row of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Kind = Literal["image", "text", "row"]


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
    """Texts (n,), or images of an array of inputs (n, ...), as runs store them; an input that is neither is not drawn."""
    if inputs.dtype.kind == "U":
        return [Shown("text", text=str(row)) for row in inputs]
    return [Shown("image", image=np.asarray(row)) for row in inputs]
