"""A nine-layer residual network for small images that learns fast on a CPU."""

from __future__ import annotations

from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.fields import Count
from untrain.models.architectures.base import Architecture

SMALLEST = 8  # pixels on each side: three poolings halve them


class ResNet9(Architecture):
    """Six 3x3 convolutions around two residual blocks, each with batch norm and ReLU, then a linear classifier.

    Convolutions of ``w`` and ``2w`` channels, pooling, a residual block, a convolution of ``4w``, pooling, one of ``8w``,
    pooling, a residual block, the maximum over the image, and a linear layer without bias whose logits are divided by 8.
    ``ResNet9()`` on 3 x 32 x 32 images and 10 classes has 103,944 parameters and takes 6.1 million multiply-adds per image.

    Args:
        width: channels ``w`` of the first convolution.

    Source: the ResNet-9 of Page 2019, "How to train your ResNet" (DAWNBench), with 8 instead of 64 channels.
    """

    width: Count = 8

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for images (channels, height, width).

        Raises:
            ModelError: the inputs are not images, or too small to be pooled three times.
        """
        if len(shape) != 3 or min(shape[1:]) < SMALLEST:
            raise ModelError(
                f"{self!r} needs images of at least {SMALLEST} x {SMALLEST} pixels, (channels, height, width); these examples "
                f"have shape {shape}"
            )
        return _Net(shape[0], self.width, classes)


def _block(wide: int, out: int, pool: bool = False) -> nn.Sequential:
    parts: list[nn.Module] = [nn.Conv2d(wide, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
    return nn.Sequential(*parts, *([nn.MaxPool2d(2)] if pool else []))


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.inner = nn.Sequential(_block(width, width), _block(width, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.inner(x)
        return out


class _Net(nn.Module):
    def __init__(self, channels: int, w: int, classes: int):
        super().__init__()
        self.stem = _block(channels, w)
        self.layer1 = nn.Sequential(_block(w, 2 * w, pool=True), _Residual(2 * w))
        self.layer2 = _block(2 * w, 4 * w, pool=True)
        self.layer3 = nn.Sequential(_block(4 * w, 8 * w, pool=True), _Residual(8 * w))
        self.fc = nn.Linear(8 * w, classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(self.stem(x))))
        # Dividing what goes in divides the logits, exactly: the last layer's output stays the model's.
        logits: Tensor = self.fc(x.amax((2, 3)) / 8)
        return logits
