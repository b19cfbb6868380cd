"""Residual networks with the stem for small images."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.roles import Architecture
from untrain.core.steps import Count

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


class ResNet(Architecture):
    """Basic-block residual network whose first convolution is 3x3 at stride 1, with no pooling behind it.

    ``ResNet()`` on 3 x 32 x 32 images and 10 classes has 11,173,962 parameters.

    Args:
        width: channels of the first stage; each later stage doubles them.
        depth: 10, 18 or 34 layers.

    Source: He et al. 2016; the CIFAR stem of DEL, arXiv 2412.02432 (torchvision's resnet18, conv1 3x3, no max-pool).
    """

    width: Count = 64
    depth: Literal[10, 18, 34] = 18

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for images (channels, height, width)."""
        return _Net(shape[0], classes, self.width, BLOCKS[self.depth])


class _Block(nn.Module):
    def __init__(self, wide: int, out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(wide, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or wide != out:
            self.downsample = nn.Sequential(nn.Conv2d(wide, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x), inplace=True)


class _Net(nn.Module):
    def __init__(self, channels: int, classes: int, width: int, blocks: tuple[int, ...]):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        wide = width
        for stage, count in enumerate(blocks):
            out = width * 2**stage
            parts = [_Block(wide if i == 0 else out, out, 2 if stage and i == 0 else 1) for i in range(count)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*parts))
            wide = out
        self.stages = len(blocks)
        self.fc = nn.Linear(wide, classes)
        for part in self.modules():
            # torchvision's law; its first convolution is replaced in the paper and so keeps torch's default.
            if isinstance(part, nn.Conv2d) and part is not self.conv1:
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        answers: Tensor = self.fc(x.mean((2, 3)))
        return answers
