"""Small colour photographs in a hundred classes."""

from __future__ import annotations

from typing import Literal

from untrain.core.fields import Count
from untrain.data.augmentations.base import Augment
from untrain.data.noise.base import Noise
from untrain.data.readers.image_sets import ImageSetSource
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.experiments.scenarios.base import ImageScenario
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.resnet import ResNet
from untrain.training.steps import Steps

HUB = "uoft-cs/cifar100"
SOURCES = {
    "fine": ImageSetSource(hub=HUB, classes=100, label=("fine_label", "label")),
    "coarse": ImageSetSource(hub=HUB, classes=20, label=("coarse_label",)),
}


class CIFAR100(ImageScenario):
    """60,000 photographs of 32 x 32 pixels in 100 classes, which form 20 groups; 10,000 of them for testing.

    Args:
        request: what to forget.
        noise: faults planted in the training labels.
        path: folder with train.parquet and test.parquet, whole or in parts; empty asks the Hugging Face hub for
            uoft-cs/cifar100.
        size: number of training examples, classes balanced; a tenth as many more are to tune on and at most as many to
            test on. None takes all, a tenth of them to tune on.
        labels: whether the 100 'fine' classes or their 20 'coarse' groups are learned.
        model: the network.
        steps: how it is trained.
        augment: how training images are changed each time they are seen.

    Source: Krizhevsky 2009.
    """

    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    path: str = ""
    size: Count | None = None
    labels: Literal["fine", "coarse"] = "fine"
    model: Architecture = ResNet(width=64, depth=18)
    steps: Steps = Steps(lr=0.1, epochs=30)
    augment: tuple[Augment, ...] = ()

    def image_set(self) -> ImageSetSource:
        """The set with the labels that are to be learned."""
        return SOURCES[self.labels]
