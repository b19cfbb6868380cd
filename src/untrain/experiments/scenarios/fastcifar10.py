"""All of CIFAR-10, one minute of one core per model."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from untrain.core.fields import Count
from untrain.data.augmentations.base import Augment
from untrain.data.augmentations.horizontalflip import HorizontalFlip
from untrain.data.noise.base import Noise
from untrain.data.readers.image_sets import ImageSetSource
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.experiments.scenarios._one_cycle import ONE_CYCLE
from untrain.experiments.scenarios.base import ImageScenario
from untrain.experiments.scenarios.cifar10 import CIFAR10
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.resnet9 import ResNet9
from untrain.training.steps import Steps


class FastCIFAR10(ImageScenario):
    """All 60,000 photographs in ten classes, for a small residual network trained for two epochs.

    For what depends on accuracy: the removal of whole classes. It memorizes hardly anything, so that random requests have
    no effect to measure.

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

    Source: Krizhevsky 2009; sizes chosen for a CPU, docs/substrates.md.
    """

    source: ClassVar[ImageSetSource] = CIFAR10.source

    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    path: str = ""
    size: Count | None = None
    model: Architecture = ResNet9(width=8)
    steps: Steps = replace(ONE_CYCLE, epochs=2)
    augment: tuple[Augment, ...] = (HorizontalFlip(),)
