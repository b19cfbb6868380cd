"""The role of an augmentation: changes training images anew each time they are used."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, final

import numpy as np
from torch import Tensor

from untrain.core.errors import DataError
from untrain.core.spec import Spec


class Augment(Spec, role=True):
    """Changes a batch of images, each by draws of its own: ``augment(x, rng)`` gives as many others, all of one size.

    Batches are augmented where weights are trained on them, in learning and in unlearning, and nowhere else: not for a
    model's outputs, for localization, or when batch statistics are re-estimated.
    """

    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__")

    @abstractmethod
    def change(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """The changed images, (b, channels, height, width), on the device of ``x``; all draws come from ``rng``."""

    def gives(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the changed images, for images of ``shape``: the same, unless overridden."""
        return shape

    @final
    def __call__(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """The changed images.

        Raises:
            DataError: ``x`` does not hold images.
        """
        if x.ndim != 4:
            raise DataError(f"{self!r} needs images (n, channels, height, width); these examples have shape {tuple(x.shape)}")
        return self.change(x, rng)
