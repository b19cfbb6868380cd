"""Rectangles of images, resized."""

from __future__ import annotations

from math import log
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from untrain.core.fields import Count, Keep
from untrain.data.augmentations.base import Augment

Array = np.ndarray[tuple[int], np.dtype[np.float64]]
TRIES = 10


class RandomResizedCrop(Augment):
    """Cut a rectangle of random area, shape and place from each image and resize it to ``size x size`` pixels.

    Its area is uniform from ``least`` to 1 of the image's, the logarithm of width by height from ``-log stretch`` to
    ``log stretch``. A rectangle that does not fit is drawn again, ten times in all; then it is the largest in the middle.
    Resizing weights pixels by a triangle as wide as the shrinking, as Pillow's bilinear resampling does.

    Args:
        size: pixels on each side of what comes out; None keeps the height and width of the images.
        least: smallest share of the image's area.
        stretch: largest ratio of a rectangle's longer side to its shorter one.

    Source: Szegedy et al. 2015, arXiv 1409.4842, section 6; torchvision's RandomResizedCrop.
    """

    size: Count | None = None
    least: Keep = 0.08
    stretch: Annotated[float, Field(ge=1)] = 4 / 3

    def change(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """The resized rectangles, of the type of ``x``."""
        height, width = x.shape[2:]
        (top, tall), (left, wide) = self.boxes(len(x), height, width, rng)
        down = _triangles(top, tall, height, self.size or height, x.device)
        across = _triangles(left, wide, width, self.size or width, x.device)
        y = down[:, None] @ (x.float() @ across.transpose(1, 2)[:, None])
        return y.round_().clamp_(0, 255).to(x.dtype) if x.dtype == torch.uint8 else y.to(x.dtype)

    def gives(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Squares of ``size``, unless it is None."""
        return shape if self.size is None else (shape[0], self.size, self.size)

    def boxes(self, b: int, height: int, width: int, rng: np.random.Generator) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """First pixel and length of each rectangle, downwards and across, whole numbers (b,)."""
        area = height * width * rng.uniform(self.least, 1, (TRIES, b))
        ratio = np.exp(rng.uniform(-log(self.stretch), log(self.stretch), (TRIES, b)))
        tall, wide = np.rint(np.sqrt(area / ratio)), np.rint(np.sqrt(area * ratio))
        fits = (tall >= 1) & (tall <= height) & (wide >= 1) & (wide <= width)
        first, every, possible = fits.argmax(0), np.arange(b), fits.any(0)
        tall = np.where(possible, tall[first, every], min(height, round(width * self.stretch)))
        wide = np.where(possible, wide[first, every], min(width, round(height * self.stretch)))

        def place(room: Array) -> Array:
            return np.floor(np.where(possible, rng.random(b) * (room + 1), room / 2))

        return (place(height - tall), tall), (place(width - wide), wide)


def _triangles(start: Array, length: Array, size: int, out: int, device: torch.device) -> Tensor:
    """Weights (b, out, size) with which ``out`` pixels take up those of a row of ``size``, from within a part of it."""
    first, many = (torch.from_numpy(a.astype(np.float32)).to(device)[:, None, None] for a in (start, length))
    pixel = torch.arange(size, device=device) + 0.5
    step = many / out  # pixels of the row a pixel that comes out
    centre = first + (torch.arange(out, device=device)[:, None] + 0.5) * step
    near = (1 - (pixel - centre).abs() / step.clamp(min=1)).clamp(min=0) * ((pixel > first) & (pixel < first + many))
    return near / near.sum(2, keepdim=True)
