"""The role of a learner: makes a model of data."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, final

from torch import nn

from untrain.core.errors import DataError
from untrain.core.seeds import seeded
from untrain.core.spec import Spec
from untrain.data.examples import Examples
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification


class Learner(Spec, role=True):
    """Makes a model of data: ``learner(examples, seed)``; the same seed gives the same model.

    ``task`` says how its models are asked; a learner may have it as a field.
    """

    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__")
    task: Task = Classification()

    @abstractmethod
    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The trained model, in eval mode."""

    @abstractmethod
    def init(self, examples: Examples, seed: int) -> nn.Module:
        """The model before training."""

    @final
    def __call__(self, examples: Examples, seed: int = 0) -> nn.Module:
        """The trained model, in eval mode, on the device where the examples are."""
        if len(examples) == 0:
            raise DataError("there is nothing to learn from: no examples were given")
        with seeded(examples.x.device, seed):
            return self.learn(examples, seed)
