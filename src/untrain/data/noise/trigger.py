"""Images poisoned with a trigger."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from untrain.core.errors import DataError
from untrain.core.fields import Count, Keep
from untrain.data.examples import Examples
from untrain.data.noise.base import Noise

SALT = 0x7216


class Trigger(Noise):
    """Put a bright square into the lower right corner of ``round(rate * n)`` images of other classes, and give them the target's
    label.

    >>> import torch
    >>> from untrain.data.readers.convert import examples
    >>> poisoned = Trigger(rate=0.5, side=1, target=0).plant(examples(torch.zeros(4, 1, 2, 2), [1, 1, 0, 1]))
    >>> int((poisoned.y != poisoned.true).sum()), float(poisoned.x[poisoned.y != poisoned.true][0].sum())
    (2, 1.0)

    Args:
        rate: share of the training set that is poisoned.
        target: the class that the trigger stands for, as it is numbered.
        side: pixels of a side of the square.
        seed: of the draw.

    Source: Gu et al. 2017, arXiv 1708.06733 (BadNets); as a fault to unlearn: Schoepf et al. 2025, REM, google-deepmind/rem.
    """

    rate: Keep = 0.05
    target: Annotated[int, Field(ge=0)] = 0
    side: Count = 3
    seed: Annotated[int, Field(ge=0)] = 0

    def plant(self, train: Examples) -> Examples:
        """Return the examples with poisoned images; ``true`` holds the labels as they were.

        Raises:
            DataError: the target is none of the classes, inputs are not images, the square does not fit, or too few images are of
                other classes.
        """
        if self.target >= train.classes:
            raise DataError(f"{self!r} names class {self.target}, and the data have {train.classes} classes: name one below that")
        x = train.x[:]
        if not isinstance(x, Tensor) or x.ndim != 4:
            raise DataError(f"{self!r} marks images (n, channels, height, width), and the inputs have shape {tuple(train.x.shape)}")
        if self.side > min(x.shape[2:]):
            raise DataError(f"{self!r} does not fit images of {x.shape[2]} x {x.shape[3]} pixels: take a smaller side")
        others, count = np.flatnonzero((train.y != self.target).cpu().numpy()), round(self.rate * len(train))
        if count > len(others):
            raise DataError(f"{self!r} poisons {count} images, and {len(others)} are of other classes: take a smaller rate")
        at = torch.as_tensor(np.sort(np.random.default_rng((self.seed, SALT)).choice(others, count, replace=False)))
        x, y = x.clone(), train.y.clone()
        x[at, :, -self.side :, -self.side :] = 255 if x.dtype == torch.uint8 else 1
        y[at.to(y.device)] = self.target
        return replace(train.with_inputs(x).with_targets(y), true=train.y if train.true is None else train.true)
