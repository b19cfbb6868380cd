"""The role of a keeper: saves at training time what an unlearner needs later."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.foreign import foreign
from untrain.core.spec import Spec
from untrain.data.examples import Examples
from untrain.models.tasks.base import Task

Kept = Mapping[str, Mapping[str, Tensor]]


class Trainer(Protocol):
    """The part of a learner that a keeper may know; any ``Learner`` has it."""

    @property
    def task(self) -> Task:
        """The task of the models."""

    @property
    def keepers(self) -> tuple[Keeper, ...]:
        """The keepers, which save what later requests need."""


class Keeper(Spec, role=True):
    """Saves tensors of a model in training, such as an input covariance or an earlier checkpoint.

    An unlearner that needs them names 'kept:KEEPER' among its needs and finds them in ``Problem.kept``, on the model's device
    and in the shape in which they were saved. A store keeps bfloat16 as float32, which has each of its values. ``works_on`` is
    the kind of model that it knows.
    """

    works_on: ClassVar[type] = nn.Module

    @abstractmethod
    def keep(self, model: nn.Module, examples: Examples, learner: Trainer) -> Mapping[str, Tensor]:
        """The tensors by name; the model is in eval mode and stays as it is, and the learner is what trained it."""

    def epoch(self, epochs: int) -> int:
        """After which of ``epochs`` epochs ``keep`` is called; the last unless it says otherwise."""
        return epochs


@dataclass
class _Keeping:
    keepers: Sequence[Keeper]
    examples: Examples
    learner: Trainer
    kept: dict[str, Mapping[str, Tensor]] = field(default_factory=dict)


_keeping: ContextVar[_Keeping | None] = ContextVar("keeping", default=None)


@contextmanager
def keeping(learner: Trainer, examples: Examples) -> Iterator[dict[str, Mapping[str, Tensor]]]:
    """Within, a model that is trained on ``examples`` is shown to the learner's keepers; what they saved is in the mapping."""
    state = _Keeping(learner.keepers, examples, learner)
    token = _keeping.set(state)
    try:
        yield state.kept
    finally:
        _keeping.reset(token)


def epoch_ended(model: nn.Module, epoch: int, epochs: int) -> None:
    """Show a model to the keepers whose epoch it is; learners call it after each epoch, counted from 1."""
    state = _keeping.get()
    due = [] if state is None else [keeper for keeper in state.keepers if keeper.epoch(epochs) == epoch]
    if state is None or not due:
        return
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    for keeper in due:
        state.kept[type(keeper).__name__] = saved_by(keeper, model, state.examples, state.learner)
    for part, training in modes:
        part.training = training


def saved_by(keeper: Keeper, model: nn.Module, examples: Examples, learner: Trainer) -> dict[str, Tensor]:
    """Saved facts about a model, in memory of their own.

    Raises:
        ModelError: the model is not of the kind that it knows.
    """
    if not isinstance(model, keeper.works_on):
        raise ModelError(f"{keeper!r} works on models of kind {keeper.works_on.__name__}; {type(model).__name__} is not one")
    with foreign(keeper, model):
        saved = keeper.keep(model, examples, learner)
    return {name: value.detach().clone() for name, value in saved.items()}
