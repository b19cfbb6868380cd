"""A small convolutional network for small images."""

from __future__ import annotations

from torch import nn

from untrain.core.fields import Count
from untrain.models.architectures.base import Architecture


class ConvNet(Architecture):
    """Three 3x3 convolutions with batch norm, two of them followed by pooling, then a linear classifier.

    Args:
        width: channels of the first convolution; the second and third have twice as many.

    Source: none; the plainest network that fits small images.
    """

    width: Count = 16

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for images (channels, height, width)."""
        w = self.width

        def block(wide: int, out: int) -> list[nn.Module]:
            return [nn.Conv2d(wide, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]

        return nn.Sequential(
            *block(shape[0], w), nn.MaxPool2d(2), *block(w, 2 * w), *block(2 * w, 2 * w), nn.AdaptiveMaxPool2d(2),
            nn.Flatten(), nn.Linear(8 * w, classes),
        )  # fmt: skip
