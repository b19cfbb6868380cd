"""A memorized part of Fashion-MNIST, half a minute of one core per model."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from untrain.core.fields import Count
from untrain.data.augmentations.base import Augment
from untrain.data.noise.base import Noise
from untrain.data.readers.image_sets import ImageSetSource
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.experiments.scenarios._one_cycle import ONE_CYCLE
from untrain.experiments.scenarios.base import ImageScenario
from untrain.experiments.scenarios.fashionmnist import FashionMNIST
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.resnet9 import ResNet9
from untrain.training.steps import Steps


class SmallFashion(ImageScenario):
    """10,000 pictures of clothes, which a small residual network memorizes in eight epochs.

    For what depends on memorization: random requests, membership attacks, LiRA, KLoM.

    Args:
        request: what to forget.
        noise: faults planted in the training labels.
        path: folder with train.parquet and test.parquet, whole or in parts; empty asks the Hugging Face hub for
            zalando-datasets/fashion_mnist.
        size: number of training examples, classes balanced; a tenth as many more are to tune on and at most as many to
            test on. None takes all, a tenth of them to tune on.
        model: the network.
        steps: how it is trained.
        augment: how training images are changed each time they are seen.

    Source: Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747; sizes chosen for a CPU, docs/substrates.md.
    """

    source: ClassVar[ImageSetSource] = FashionMNIST.source

    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    path: str = ""
    size: Count | None = 10_000
    model: Architecture = ResNet9(width=8)
    steps: Steps = replace(ONE_CYCLE, epochs=8)
    augment: tuple[Augment, ...] = ()
