"""Photographs in a hundred of ImageNet's classes."""

from __future__ import annotations

from typing import ClassVar

from untrain.core.fields import Count
from untrain.data.augmentations.base import Augment
from untrain.data.augmentations.horizontalflip import HorizontalFlip
from untrain.data.augmentations.randomresizedcrop import RandomResizedCrop
from untrain.data.noise.base import Noise
from untrain.data.readers.image_sets import ImageSetSource, Subset
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.experiments.scenarios.base import ImageScenario
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.preprocessed import Preprocessed
from untrain.models.architectures.resnet import ResNet
from untrain.training.steps import Steps

SIDE, CROP = 160, 128
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ImageNet100(ImageScenario):
    """131,689 photographs in 100 classes, 5,000 of them for testing; models see 128 x 128 pixels.

    Images are kept as squares of 160 pixels: the shorter side resized, the middle kept. Training crops them at random;
    everywhere else models see the middle. Pixels are normalised by ImageNet's mean and deviation, but for a model
    that normalises them itself, such as a checkpoint's.

    Args:
        request: what to forget.
        noise: faults planted in the training labels.
        path: folder with train.parquet and validation.parquet, whole or in parts; empty asks the Hugging Face hub for
            clane9/imagenet-100.
        size: number of training examples, classes balanced; a tenth as many more are to tune on and at most as many to
            test on. None takes all, a tenth of them to tune on.
        on_disk: folder where decoded images are kept, 10.1 GB, and from where they are read batch by batch; empty holds
            them in memory.
        model: the network, before which images are cropped and normalised.
        steps: how it is trained.
        augment: how training images are changed each time they are seen.

    Source: Deng et al. 2009; the set-up of DEL, arXiv 2412.02432, for ResNet-50.
    Departs: random crops are cut from the kept squares, DEL's from whole originals: what lies beyond the square of an
        oblong image is never seen in training. Outside training models see the same, pixel by pixel.
    """

    source: ClassVar[ImageSetSource] = ImageSetSource(hub="clane9/imagenet-100", classes=100, test="validation", side=SIDE)

    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    path: str = ""
    size: Count | None = None
    on_disk: str = "~/.untrain/images"
    model: Architecture = ResNet(depth=50)
    steps: Steps = Steps(lr=0.1, epochs=100)
    augment: tuple[Augment, ...] = (RandomResizedCrop(size=CROP), HorizontalFlip())

    def subset(self) -> Subset:
        """The part to take, and where decoded images stay."""
        return Subset(self.path, self.size, self.on_disk)

    def network(self) -> Architecture:
        """The model, before which images are cropped to their middle and normalised."""
        mean, std = ((), ()) if self.model.normalises() else (MEAN, STD)
        return Preprocessed(model=self.model, crop=CROP, mean=mean, std=std)
