"""Handwritten digits of 28 x 28 pixels."""

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
from untrain.models.architectures.convnet import ConvNet
from untrain.training.steps import Steps


class MNIST(ImageScenario):
    """70,000 grey pictures of handwritten digits, 28 x 28 pixels in ten classes, 10,000 of them for testing.

    Args:
        request: what to forget.
        noise: faults planted in the training labels.
        path: folder with train.parquet and test.parquet, whole or in parts; empty asks the Hugging Face hub for
            ylecun/mnist.
        size: number of training examples, classes balanced; a tenth as many more are to tune on and at most as many to
            test on. None takes all, a tenth of them to tune on.
        model: the network.
        steps: how it is trained.
        augment: how training images are changed each time they are seen.

    Source: LeCun, Cortes and Burges 1998.
    """

    source: ClassVar[ImageSetSource] = ImageSetSource(hub="ylecun/mnist", classes=10)

    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    path: str = ""
    size: Count | None = None
    model: Architecture = ConvNet(width=16)
    steps: Steps = Steps(lr=0.1, epochs=12)
    augment: tuple[Augment, ...] = ()
