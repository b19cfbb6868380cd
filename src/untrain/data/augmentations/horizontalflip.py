"""Images mirrored left to right."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from untrain.core.fields import Share
from untrain.data.augmentations.base import Augment


class HorizontalFlip(Augment):
    """Mirror each image left to right with probability ``rate``.

    Args:
        rate: the probability.

    Source: He et al. 2016, arXiv 1512.03385, section 4.2.
    """

    rate: Share = 0.5

    def change(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """Some of the images mirrored."""
        drawn = torch.from_numpy(rng.random(len(x)) < self.rate).to(x.device)
        return torch.where(drawn[:, None, None, None], x.flip(3), x)
