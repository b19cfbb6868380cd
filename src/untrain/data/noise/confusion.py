"""Two classes confused with each other."""

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

SALT = 0xC0F5


class Confusion(Noise):
    """Swap the labels of a share of the examples of two classes: systematic label noise, which models learn.

    >>> from untrain.data.readers.convert import examples
    >>> noisy = Confusion(classes=(0, 1), rate=0.5).plant(examples([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]))
    >>> sorted(zip(noisy.true.tolist(), noisy.y.tolist()))
    [(0, 0), (0, 1), (1, 0), (1, 1)]

    Args:
        classes: the two, as they are numbered.
        rate: share of each class that is labelled as the other.
        seed: of the draw.

    Source: Goel et al. 2022, arXiv 2201.06640, section 3 (interclass confusion).
    """

    classes: tuple[int, int] = (0, 1)
    rate: Keep = 0.5
    seed: Annotated[int, Field(ge=0)] = 0

    def plant(self, train: Examples) -> Examples:
        """Return the examples with confused labels; ``true`` holds the labels as they were.

        Raises:
            DataError: the classes are one, or the data lack one of them.
        """
        labels = train.y.cpu().numpy()
        one, other = self.classes
        missing = [c for c in self.classes if not (labels == c).any()]
        if one == other or missing:
            what = f"names class {one} twice" if one == other else f"names class {missing[0]}, of which the data have no example"
            raise DataError(f"{self!r} {what}: name two classes that the data have")
        rng, y = np.random.default_rng((self.seed, SALT)), labels.copy()
        for given, wrong in ((one, other), (other, one)):
            rows = np.flatnonzero(labels == given)
            y[rng.choice(rows, round(self.rate * len(rows)), replace=False)] = wrong
        changed = torch.as_tensor(y, device=train.y.device)
        return replace(train.with_targets(changed), true=train.y if train.true is None else train.true)
