"""House numbers."""

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
from untrain.models.architectures.vit import ViT
from untrain.training.steps import Steps


class SVHN(ImageScenario):
    """99,289 photographed digits of house numbers, 32 x 32 pixels in ten classes, 26,032 of them for testing.

    DEL's forget set of two classes is ``Random(fraction=0.1, classes=(3, 6))``.

    Args:
        request: what to forget.
        noise: faults planted in the training labels.
        path: folder with train.parquet and test.parquet, whole or in parts; empty asks the Hugging Face hub for
            ufldl-stanford/svhn, cropped_digits.
        size: number of training examples, classes balanced; a tenth as many more are to tune on and at most as many to
            test on. None takes all, a tenth of them to tune on.
        model: the network.
        steps: how it is trained.
        augment: how training images are changed each time they are seen.

    Source: Netzer et al. 2011; the set-up of DEL, arXiv 2412.02432, section 5.
    Departs: a tenth of the 73,257 images to train on is set apart to tune on, where DEL has none.
    """

    source: ClassVar[ImageSetSource] = ImageSetSource(hub="ufldl-stanford/svhn", config="cropped_digits", classes=10)

    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    path: str = ""
    size: Count | None = None
    model: Architecture = ViT()
    steps: Steps = Steps(lr=0.05, epochs=30)
    augment: tuple[Augment, ...] = ()
