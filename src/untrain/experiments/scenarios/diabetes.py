"""The progression of diabetes, which scikit-learn carries."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_diabetes

from untrain.data.examples import Examples, take
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.data.splits import Data, stratified
from untrain.experiments.scenarios.base import Scenario
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.mlp import MLP
from untrain.models.tasks.regression import Regression
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import Steps

SPLIT_SEED = 0


class Diabetes(Scenario):
    """Ten measurements of 442 patients and the progress of their disease in a year: 70 % for training, 10 % for tuning, 20 % for
    testing.

    Inputs and targets are standardised by mean and deviation of the training part, so a residual of 1 is a standard
    deviation of the targets. The measurements have the names of the source: age, sex, bmi, bp and s1 to s6.

    Args:
        request: what is to be forgotten.
        model: the network, with one output.
        steps: how it is trained.
        task: the loss.

    Source: Efron, Hastie, Johnstone and Tibshirani 2004, Least angle regression; sklearn.datasets.load_diabetes.
    """

    request: Request = Random(fraction=0.1)
    model: Architecture = MLP(width=64)
    steps: Steps = Steps(lr=0.01, epochs=60, batch=32)
    task: Regression = Regression(scale=0.7)

    def load(self) -> Data:
        """Train, valid and test; the id of a patient is the row in the source."""
        bunch = load_diabetes(scaled=False)
        parts = stratified(np.zeros(len(bunch.target)), (0.7, 0.1, 0.2), SPLIT_SEED)
        x, y = (_standardised(values, parts[0]) for values in (bunch.data, bunch.target))
        everything = Examples({"x": x, "y": y}, np.arange(len(y)), features=tuple(bunch.feature_names))
        train, valid, test = (take(everything, rows) for rows in parts)
        return Data(train, valid, test)

    def learner(self) -> Learner:
        """Training from scratch."""
        return Train(model=self.model, steps=self.steps, task=self.task)


def _standardised(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], train: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> torch.Tensor:
    """Values (n, ...) less the mean over the training rows, divided by their deviation."""
    known = values[train]
    return torch.from_numpy(((values - known.mean(0)) / known.std(0)).astype(np.float32))
