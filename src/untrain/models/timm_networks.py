"""Networks of timm by their names."""

from __future__ import annotations

import timm
from torch import nn

from untrain.core.errors import ModelError, suggest
from untrain.models.architectures.base import Architecture


class TimmNetwork(Architecture):
    """A network of timm with initial values of its own, for images of any number of channels.

    Args:
        name: as ``timm.list_models()`` has it, such as 'resnet18'.

    Source: Wightman 2019, PyTorch Image Models.
    """

    name: str

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """The network with an output per class.

        Raises:
            ModelError: timm has no such network, or it takes no such images.
        """
        if self.name not in timm.list_models():
            raise ModelError(f"timm has no network {self.name!r}{suggest(self.name, timm.list_models())}")
        if len(shape) != 3:
            raise ModelError(f"timm:{self.name} takes images of shape (channels, height, width), and inputs are of shape {shape}")
        network: nn.Module = timm.create_model(self.name, pretrained=False, num_classes=classes, in_chans=shape[0])
        return network.eval()
