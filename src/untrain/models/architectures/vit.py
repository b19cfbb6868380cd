"""A vision transformer for small data sets."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import ModelError
from untrain.core.fields import Count
from untrain.models.architectures.base import Architecture

# By how much each of four copies of the image is moved: (right, down), in pixels or in halves of a patch.
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1))
CORNERS = ((1, 1), (-1, 1), (1, -1), (-1, -1))


class ViT(Architecture):
    """Vision transformer with shifted patch tokenization and locality self-attention.

    Patches are cut from the image and four shifted copies of it together; attention learns its temperature and lets no
    token attend to itself. ``ViT()`` on 3 x 32 x 32 images and 10 classes has 11,013,518 parameters.

    Args:
        patch: pixels on each side of a patch.
        width: length of a token.
        depth: number of layers.
        heads: number of heads; each has ``width / heads``.
        hidden: units between the two linear layers behind each attention.
        shift: copies are moved by one 'pixel' along each side (the implementation that DEL ran), or by 'half' a patch
            towards each corner (Lee et al.).

    Source: Lee, Lee and Song 2021, arXiv 2112.13492; sizes of DEL, arXiv 2412.02432, for SVHN (vit_for_small_dataset of
        lucidrains/vit-pytorch), without dropout.
    """

    patch: Count = 8
    width: Count = 512
    depth: Count = 4
    heads: Count = 8
    hidden: Count = 1536
    shift: Literal["pixel", "half"] = "pixel"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for images (channels, height, width).

        Raises:
            ModelError: patches do not fill the image, or heads do not share the width.
        """
        if len(shape) != 3 or shape[1] % self.patch or shape[2] % self.patch:
            raise ModelError(f"patches of {self.patch} x {self.patch} do not fill examples of shape {shape}: take another patch")
        if self.width % self.heads:
            raise ModelError(f"a width of {self.width} cannot be shared by {self.heads} heads: take a multiple of them")
        moves = SIDES if self.shift == "pixel" else tuple((a * self.patch // 2, b * self.patch // 2) for a, b in CORNERS)
        layers = [_Layer(self.width, self.heads, self.hidden) for _ in range(self.depth)]
        return _Net(_Patches(shape[0], self.patch, self.width, moves), shape, self.patch, layers, self.width, classes)


class _Patches(nn.Module):
    """Tokens of the patches of an image and its shifted copies."""

    def __init__(self, channels: int, patch: int, width: int, moves: tuple[tuple[int, int], ...]):
        super().__init__()
        self.patch, self.moves = patch, moves
        wide = (1 + len(moves)) * channels * patch**2
        self.norm = nn.LayerNorm(wide)
        self.project = nn.Linear(wide, width)

    def forward(self, x: Tensor) -> Tensor:
        # What is moved out is lost, what is moved in is zero.
        copies = [F.pad(x, (right, -right, down, -down)) for right, down in self.moves]
        cut = F.unfold(torch.cat([x, *copies], 1), self.patch, stride=self.patch)  # (b, wide, patches)
        tokens: Tensor = self.project(self.norm(cut.transpose(1, 2)))
        return tokens


class _LocalityAttention(nn.Module):
    """Self-attention with a learned temperature, in which no token attends to itself."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.tensor(-0.5 * math.log(width // heads)))
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.to_qkv(self.norm(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (b, heads, t, d)
        near = q @ k.transpose(2, 3) * self.temperature.exp()
        itself = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
        out: Tensor = self.to_out((near.masked_fill(itself, -torch.inf).softmax(3) @ v).transpose(1, 2).flatten(2))
        return out


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.attention = _LocalityAttention(width, heads)
        self.feed = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        out: Tensor = x + self.feed(x)
        return out


class _Net(nn.Module):
    def __init__(self, patches: _Patches, shape: tuple[int, ...], patch: int, layers: list[_Layer], width: int, classes: int):
        super().__init__()
        self.patches = patches
        self.pos_embedding = nn.Parameter(torch.randn(1, shape[1] * shape[2] // patch**2 + 1, width))
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x)
        x = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], 1) + self.pos_embedding
        logits: Tensor = self.head(self.norm(self.layers(x)[:, 0]))
        return logits
