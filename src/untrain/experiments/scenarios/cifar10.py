"""Small colour photographs in ten classes."""

from __future__ import annotations

from typing import ClassVar

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


class CIFAR10(ImageScenario):
    """60,000 photographs of 32 x 32 pixels in ten classes, 10,000 of them for testing.

    Args:
        request: what to forget.
        noise: faults planted in the training labels.
        path: folder with train.parquet and test.parquet, whole or in parts; empty asks the Hugging Face hub for
            uoft-cs/cifar10.
        size: number of training examples, classes balanced; a tenth as many more are to tune on and at most as many to
            test on. None takes all, a tenth of them to tune on.
        model: the network.
        steps: how it is trained.
        augment: how training images are changed each time they are seen.

    Source: Krizhevsky 2009; the set-up of DEL, arXiv 2412.02432, section 5.
    Departs: 45,000 images are trained on and 5,000 tuned on, where DEL trains on all 50,000 and has none to tune on.
    """

    source: ClassVar[ImageSetSource] = ImageSetSource(hub="uoft-cs/cifar10", classes=10)

    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    path: str = ""
    size: Count | None = None
    model: Architecture = ResNet(width=64, depth=18)
    steps: Steps = Steps(lr=0.1, epochs=30)
    augment: tuple[Augment, ...] = ()
