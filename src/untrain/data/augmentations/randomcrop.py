"""Images moved by a few pixels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from untrain.core.fields import Count
from untrain.data.augmentations.base import Augment


class RandomCrop(Augment):
    """Pad each image by ``pad`` zeros on every side and crop it to its size at a random place.

    Args:
        pad: most pixels that an image moves by, in either direction.

    Source: He et al. 2016, arXiv 1512.03385, section 4.2.
    """

    pad: Count = 4

    def change(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """The moved images."""
        b, channels, height, width = x.shape
        wide = x.new_zeros((b, channels, height + 2 * self.pad, width + 2 * self.pad))
        wide[:, :, self.pad : self.pad + height, self.pad : self.pad + width] = x
        down, across = (torch.from_numpy(d).to(x.device) for d in rng.integers(0, 2 * self.pad + 1, (2, b)))
        every = wide.unfold(2, height, 1).unfold(3, width, 1)  # a view: (b, channels, place down, place across, height, width)
        return every[torch.arange(b, device=x.device), :, down, across]
