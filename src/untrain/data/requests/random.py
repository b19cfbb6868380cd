"""Forget examples drawn at random."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from untrain.core.errors import RequestError
from untrain.core.records import Examples
from untrain.core.roles import Request
from untrain.core.steps import Keep


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
        for label in self.classes:
            if not 0 <= label < train.classes:
                raise RequestError(f"there is no class {label}: the data has classes 0 to {train.classes - 1}")
        y = train.y.cpu().numpy()
        pool = np.flatnonzero(np.isin(y, self.classes)) if self.classes else np.arange(len(train))
        count = round(self.fraction * len(train))
        if count == 0:
            raise RequestError(f"fraction={self.fraction:g} of {len(train)} examples is none: ask for a larger share")
        if count > len(pool):
            raise RequestError(
                f"fraction={self.fraction:g} of all {len(train)} examples is {count}, and classes {self.classes} hold "
                f"{len(pool)}: at most {np.floor(1000 * len(pool) / len(train)) / 1000:g} can be drawn from them"
            )
        return np.sort(np.random.default_rng(self.seed).choice(pool, count, replace=False))
