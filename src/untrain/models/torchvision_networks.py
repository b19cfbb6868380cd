"""Networks of torchvision by their names."""

from __future__ import annotations

from torch import nn
from torchvision import models

from untrain.core.errors import ModelError, suggest
from untrain.models.architectures.base import Architecture


class TorchvisionNetwork(Architecture):
    """A classifier of torchvision with initial values of its own, for images of three channels.

    Args:
        name: as ``list_models(module=torchvision.models)`` has it, such as 'resnet18'.

    Source: the torchvision maintainers and contributors 2016, TorchVision.
    """

    name: str

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """The network with an output per class.

        Raises:
            ModelError: torchvision has no such network, or it takes no such images.
        """
        known = models.list_models(module=models)  # classifiers alone: a detector would download the weights of its backbone
        if self.name not in known:
            raise ModelError(f"torchvision has no network {self.name!r}{suggest(self.name, known)}")
        if len(shape) != 3 or shape[0] != 3:
            raise ModelError(f"torchvision:{self.name} takes images of shape (3, height, width), and inputs are of shape {shape}")
        network: nn.Module = models.get_model(self.name, weights=None, num_classes=classes)
        return network.eval()
