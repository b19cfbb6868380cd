"""Request for the examples whose label is known to be wrong."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from untrain.core.errors import RequestError
from untrain.core.fields import Keep
from untrain.data.examples import Examples
from untrain.data.requests.base import Request

SALT = 0xF0D


class Mislabelled(Request):
    """All examples with a given label that is not the true one, or a random share of them, as if only some were found.

    >>> from untrain.data.noise.flip import Flip
    >>> from untrain.data.readers.convert import examples
    >>> noisy = Flip(rate=0.5).plant(examples([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]))
    >>> len(Mislabelled().draw(noisy))
    2

    >>> len(Mislabelled(found=0.5).draw(noisy))
    1

    Args:
        found: share of them that was discovered; the others stay in the training data, and retraining learns them again.
        seed: of the draw of those that were found.

    Source: the mislabelled forget sets of DEL, arXiv 2412.02432, section 5, where noise was planted; partial discovery: Goel et al.
        2024, arXiv 2402.14015 (corrective unlearning).
    """

    found: Keep = 1.0
    seed: Annotated[int, Field(ge=0)] = 0

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows whose label differs from the true one, as far as they were found.

        Raises:
            RequestError: the true labels are not known, or none differs, or none of those was found.
        """
        if train.true is None:
            raise RequestError(
                "Mislabelled needs to know the true labels, and these data carry none: plant noise with noise=Flip(), "
                "or name the examples with IdFile(path=...)"
            )
        rows = np.flatnonzero((train.y != train.true).cpu().numpy())
        if len(rows) == 0:
            raise RequestError(f"none of the {len(train)} training labels differs from the true one: plant noise with noise=Flip()")
        if self.found == 1:
            return rows
        count = round(self.found * len(rows))
        if not count:
            raise RequestError(f"found={self.found:g} of {len(rows)} mislabelled examples is none: take a larger share")
        # Salted: noise of the same seed must not decide which of its faults are found.
        return np.sort(np.random.default_rng((self.seed, SALT)).choice(rows, count, replace=False))
