"""Principal components of Fashion-MNIST, on which a model takes a twentieth of a second."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from untrain.core.errors import DataError
from untrain.core.fields import Count
from untrain.data.examples import Examples
from untrain.data.noise.base import Noise
from untrain.data.readers.image_sets import Subset, load_image_set
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.data.splits import Data
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scenarios.fashionmnist import FashionMNIST
from untrain.maths.principal_components import half_whitened, principal_components
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.mlp import MLP
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import Steps

PIXELS = 28 * 28


class FashionPCA(Scenario):
    """4,000 pictures of clothes as 100 numbers each, which a perceptron memorizes: for populations of hundreds of models.

    Features are the principal components of the training images, each divided by the root of its deviation. They are
    computed once from all training images, without labels, and stay what they are when a model forgets some.

    Args:
        request: what to forget.
        noise: faults planted in the training labels.
        path: folder with train.parquet and test.parquet, whole or in parts; empty asks the Hugging Face hub for
            zalando-datasets/fashion_mnist.
        size: number of training examples, classes balanced; a tenth as many more are to tune on and at most as many to
            test on. None takes all, a tenth of them to tune on.
        components: number of features.
        model: the network; one without convolutions is trained many at once by ``train_population``.
        steps: how it is trained.

    Source: Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747; sizes chosen for a CPU, docs/substrates.md.
    """

    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    path: str = ""
    size: Count | None = 4_000
    components: Annotated[int, Field(ge=1, le=PIXELS)] = 100
    model: Architecture = MLP(width=64)
    steps: Steps = Steps(lr=0.2, epochs=15, batch=64)

    def load(self) -> Data:
        """Train, valid and test, float32 (n, components); the id of an example is its row in the part that it is from.

        Raises:
            DataError: the data are not available, or hold fewer training images than components.
        """
        data = load_image_set(FashionMNIST.source, Subset(self.path, self.size), self.noise)
        if len(data.train) < self.components:
            raise DataError(f"{len(data.train)} training images have fewer than {self.components} principal components: take fewer")
        components = principal_components(_pixels(data.train), self.components)

        def features(part: Examples) -> Examples:
            return part.with_inputs(torch.from_numpy(half_whitened(_pixels(part), components).astype(np.float32)))

        return Data(features(data.train), features(data.valid), features(data.test))

    def learner(self) -> Learner:
        """Training from scratch."""
        return Train(model=self.model, steps=self.steps)


def _pixels(part: Examples) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Pixels in [0, 1], (n, d)."""
    return np.asarray(part.x[:].cpu().numpy().reshape(len(part), -1) / 255.0)
