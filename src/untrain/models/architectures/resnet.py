"""Residual networks, for small images and for large ones."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.fields import Count
from untrain.models.architectures.base import Architecture

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class ResNet(Architecture):
    """Residual network of basic blocks, or of bottlenecks from depth 50 on.

    ``ResNet()`` on 3 x 32 x 32 images and 10 classes has 11,173,962 parameters, ``ResNet(depth=50)`` with 100 classes
    23,712,932.

    Args:
        width: channels of the first stage; each later stage doubles them.
        depth: 10, 18, 34 or 50 layers.
        stem: 'small' begins with a 3x3 convolution at stride 1 and no pooling, 'large' with a 7x7 one at stride 2 and
            max-pooling at stride 2; 'auto' is 'large' at depth 50 and 'small' otherwise.

    Source: He et al. 2016, with the stride of a bottleneck in its 3x3 convolution (torchvision's resnet18 and resnet50); the
        small stem of DEL, arXiv 2412.02432.
    """

    width: Count = 64
    depth: Literal[10, 18, 34, 50] = 18
    stem: Literal["auto", "small", "large"] = "auto"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for images (channels, height, width)."""
        large = self.stem == "large" or (self.stem == "auto" and self.depth == 50)
        return _Net(shape[0], classes, self.width, BLOCKS[self.depth], _Bottleneck if self.depth == 50 else _Block, large)


class _Block(nn.Module):
    wider = 1

    def __init__(self, wide: int, out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(wide, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = _shortcut(wide, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x), inplace=True)


class _Bottleneck(nn.Module):
    wider = 4

    def __init__(self, wide: int, narrow: int, stride: int):
        super().__init__()
        out = narrow * self.wider
        self.conv1 = nn.Conv2d(wide, narrow, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(narrow)
        self.conv2 = nn.Conv2d(narrow, narrow, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(narrow)
        self.conv3 = nn.Conv2d(narrow, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = _shortcut(wide, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x), inplace=True)


def _shortcut(wide: int, out: int, stride: int) -> nn.Module:
    if stride == 1 and wide == out:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(wide, out, 1, stride, bias=False), nn.BatchNorm2d(out))


class _Net(nn.Module):
    def __init__(
        self, channels: int, classes: int, width: int, blocks: tuple[int, ...], block: type[_Block] | type[_Bottleneck], large: bool
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 7, 2, 3, bias=False) if large else nn.Conv2d(channels, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.large = large
        wide = width
        for stage, count in enumerate(blocks):
            parts = []
            for i in range(count):
                parts.append(block(wide, width * 2**stage, 2 if stage and i == 0 else 1))
                wide = width * 2**stage * block.wider
            self.add_module(f"layer{stage + 1}", nn.Sequential(*parts))
        self.stages = len(blocks)
        self.fc = nn.Linear(wide, classes)
        for part in self.modules():
            # torchvision's law; the paper replaces the first convolution by a small one, which so keeps torch's default.
            if isinstance(part, nn.Conv2d) and (large or part is not self.conv1):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.max_pool2d(x, 3, 2, 1) if self.large else x
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits
