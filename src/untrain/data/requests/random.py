"""Forget examples drawn at random."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from untrain.core.fields import Keep
from untrain.data.examples import Examples
from untrain.data.requests._fraction import share
from untrain.data.requests.base import Request


class Random(Request):
    """``round(fraction * n)`` of the n training examples, drawn without replacement.

    Args:
        fraction: share of the whole training set, whatever the classes.
        classes: labels, as given, to draw from; empty draws from all.
        seed: of the draw.

    Source: DEL, arXiv 2412.02432, section 5: IID forget sets, and non-IID ones of 10 % drawn from classes 2 and 5.
    """

    fraction: Keep = 0.1
    classes: tuple[int, ...] = ()
    seed: Annotated[int, Field(ge=0)] = 0

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """The rows.

        Raises:
            RequestError: a class does not exist, or the classes hold too few examples.
        """
        pool, count = share(train, self.fraction, self.classes)
        return np.sort(np.random.default_rng(self.seed).choice(pool, count, replace=False))

    def named(self, given: Examples) -> np.ndarray[Any, Any]:
        """None."""
        return np.zeros(0, dtype=np.int64)
