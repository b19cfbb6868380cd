"""Request for examples drawn at random."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from untrain.core.fields import Keep
from untrain.data.examples import Examples
from untrain.data.requests._fraction import pool_and_count
from untrain.data.requests.base import Request


class Random(Request):
    """A random ``round(fraction * n)`` of n training examples, drawn without replacement.

    >>> from untrain.data.readers.convert import examples
    >>> train = examples([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])
    >>> Random(fraction=0.5, classes=(1,)).draw(train).tolist()
    [1, 3]

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
        """Rows drawn at random, ascending.

        Raises:
            RequestError: a class does not exist, or the classes hold too few examples.
        """
        pool, count = pool_and_count(train, self.fraction, self.classes)
        return np.sort(np.random.default_rng(self.seed).choice(pool, count, replace=False))

    def named(self, examples: Examples) -> np.ndarray[Any, Any]:
        """No rows: the request draws from whatever is left to train on."""
        return np.zeros(0, dtype=np.int64)
