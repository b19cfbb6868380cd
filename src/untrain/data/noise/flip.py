"""Random flips of labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from untrain.core.errors import DataError
from untrain.core.fields import Keep
from untrain.data.examples import Examples
from untrain.data.noise.base import Noise

SALT = 0xF11B


class Flip(Noise):
    """Replace ``round(rate * n)`` labels by another class, drawn uniformly.

    >>> from untrain.data.readers.convert import examples
    >>> noisy = Flip(rate=0.5).plant(examples([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]))
    >>> int((noisy.y != noisy.true).sum())
    2

    Args:
        rate: share of the training set whose label changes.
        seed: of the draw.

    Source: symmetric label noise, in which the new class always differs.
    """

    rate: Keep = 0.1
    seed: Annotated[int, Field(ge=0)] = 0

    def plant(self, train: Examples) -> Examples:
        """Return the examples with flipped labels; ``true`` holds the labels as they were.

        Raises:
            DataError: there is no other class to flip to.
        """
        if train.classes < 2:
            raise DataError(f"{self!r} needs another class to flip to, and the data have {train.classes}: give two or more")
        # Salted: a request with the same seed must not draw exactly the rows that were flipped.
        rng = np.random.default_rng((self.seed, SALT))
        rows = rng.choice(len(train), round(self.rate * len(train)), replace=False)
        shift = torch.as_tensor(rng.integers(1, train.classes, len(rows)), device=train.y.device)
        at = torch.as_tensor(rows, device=train.y.device)
        y = train.y.clone()
        y[at] = (y[at] + shift) % train.classes
        return replace(train.with_targets(y), true=train.y if train.true is None else train.true)
