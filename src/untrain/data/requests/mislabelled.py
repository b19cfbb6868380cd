"""Request for the examples whose label is known to be wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.core.errors import RequestError
from untrain.data.examples import Examples
from untrain.data.requests.base import Request


class Mislabelled(Request):
    """All examples whose given label is not the true one.

    >>> from untrain.data.noise.flip import Flip
    >>> from untrain.data.readers.convert import examples
    >>> noisy = Flip(rate=0.5).plant(examples([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]))
    >>> len(Mislabelled().draw(noisy))
    2

    Source: the mislabelled forget sets of DEL, arXiv 2412.02432, section 5, where noise was planted.
    """

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows whose label differs from the true one.

        Raises:
            RequestError: the true labels are not known, or none differs.
        """
        if train.true is None:
            raise RequestError(
                "Mislabelled needs to know the true labels, and these data carry none: plant noise with noise=Flip(), "
                "or name the examples with IdFile(path=...)"
            )
        rows = np.flatnonzero((train.y != train.true).cpu().numpy())
        if len(rows) == 0:
            raise RequestError(f"none of the {len(train)} training labels differs from the true one: plant noise with noise=Flip()")
        return rows
