"""The role of a learner: makes a model of data."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, final

from torch import Tensor, nn

from untrain.core.errors import BrokenPromise, DataError, ModelError, SpecError
from untrain.core.foreign import foreign
from untrain.core.seeds import UNSAID, seeded
from untrain.core.spec import Spec
from untrain.data.examples import Examples
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.training.keepers.base import Keeper, Kept, keeping


class Learner(Spec, role=True):
    """Makes a model of data: ``learner(examples, seed)``; the same seed gives the same model.

    ``task`` says how to run its models, ``keepers`` what is saved in training; a learner may have them as fields. It then
    calls ``keepers.base.epoch_ended`` after each epoch. Where a learner is ``deterministic``, audits take models that are the same
    for what they are, and scores of how models spread have no value. Where its operations are not ``counted``, a
    budget is refused.
    """

    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__")
    task: Task = Classification()
    keepers: tuple[Keeper, ...] = ()

    @property
    def deterministic(self) -> bool:
        """Return whether the same data give the same model whatever the seed, as where a loss has one optimum."""
        return False

    @property
    def counted(self) -> bool:
        """Return whether operations of training are counted, which they are not where another library does the work."""
        return True

    @property
    def begins_alike(self) -> bool:
        """Return whether training begins with the same weights whatever the seed, as where they were learned from other data."""
        return False

    @abstractmethod
    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The trained model, in eval mode."""

    @abstractmethod
    def init(self, examples: Examples, seed: int) -> nn.Module:
        """The model before training; of the examples it takes shapes, types and classes, and in ``Problem.init`` finds no more."""

    @final
    def __call__(self, examples: Examples, seed: int = UNSAID) -> nn.Module:
        """The trained model, in eval mode, on the device where the examples are.

        Without a seed it is that of seed 0, but for noise that hides something, which comes of the operating system.
        """
        if len(examples) == 0:
            raise DataError("there is nothing to learn from: no examples were given")
        # Data in a file are of another kind; of these torch counts the writes.
        versions = _versions(examples)
        with foreign(self, draws=True), seeded(examples.x.device, seed):
            model = self.learn(examples, seed)
        if _versions(examples) != versions:
            raise BrokenPromise(
                f"{self!r} wrote to the examples that were lent to it", "it leaves the examples and the random state"
            )
        return model

    @final
    def run(self, examples: Examples, seed: int = UNSAID) -> tuple[nn.Module, Kept]:
        """The trained model, and what its keepers saved.

        Raises:
            SpecError: two keepers are of one class.
            ModelError: a keeper never ran, since the learner does not report its epochs.
        """
        names = [type(keeper).__name__ for keeper in self.keepers]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise SpecError(f"there are {names.count(twice[0])} keepers of class {twice[0]}, under which one is kept: leave one")
        with keeping(self, examples) as kept:
            model = self(examples, seed)
        lacking = [repr(keeper) for keeper in self.keepers if type(keeper).__name__ not in kept]
        if lacking:
            raise ModelError(f"{type(self).__name__} never asked {lacking[0]}: it does not report its epochs")
        return model, kept


def _versions(examples: Examples) -> list[int]:
    return [column._version for column in examples.fields.values() if isinstance(column, Tensor)]
