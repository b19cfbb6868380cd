"""Handwritten digits that scikit-learn carries."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from untrain.data.augmentations.base import Augment
from untrain.data.examples import Examples, take
from untrain.data.noise.base import Noise
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.data.splits import Data, stratified
from untrain.experiments.scenarios.base import Scenario
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.convnet import ConvNet
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import Steps

SPLIT_SEED = 0
_FILE = "datasets/data/digits.csv.gz"  # of scikit-learn, whose import takes a second and a half of each process that trains


class Digits(Scenario):
    """1,797 real 8 x 8 images of handwritten digits in ten classes: 70 % for training, 10 % for tuning, 20 % for testing.

    Args:
        request: what to forget.
        noise: faults planted in the training labels.
        model: the network.
        steps: how it is trained.
        augment: how training images are changed each time they are seen.

    Source: Alpaydin and Kaynak 1998, UCI optical recognition of handwritten digits, as in sklearn.datasets.load_digits.
    """

    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    model: Architecture = ConvNet(width=16)
    steps: Steps = Steps(lr=0.1, epochs=12, batch=64)
    augment: tuple[Augment, ...] = ()

    def load(self) -> Data:
        """Train, valid and test; the id of an image is its place in the source."""
        table = digits()
        y = table[:, -1].astype(np.int64)
        images = table[:, :-1].reshape(-1, 8, 8)
        x = torch.from_numpy((images / 16).astype(np.float32))[:, None]  # (n, 1, 8, 8), 17 levels in [0, 1]
        everything = Examples.labelled(x, torch.from_numpy(y), np.arange(len(y)), 10, true=torch.from_numpy(y))
        train, valid, test = (take(everything, rows) for rows in stratified(y, (0.7, 0.1, 0.2), SPLIT_SEED))
        return Data(train if self.noise is None else self.noise.plant(train), valid, test)

    def learner(self) -> Learner:
        """Training from scratch."""
        return Train(model=self.model, steps=self.steps, augment=self.augment)


def digits() -> np.ndarray[Any, Any]:
    """The pixels of each image, from 0 to 16, and its digit, float64 (1797, 65)."""
    place = find_spec("sklearn")
    file = Path(place.origin).parent / _FILE if place is not None and place.origin is not None else None
    if file is not None and file.exists():
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits  # a release that keeps it elsewhere

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])
