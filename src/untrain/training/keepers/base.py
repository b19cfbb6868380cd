"""The role of a keeper: saves at training time what an unlearner needs later."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from torch import Tensor, nn

from untrain.core.foreign import foreign
from untrain.core.spec import Spec
from untrain.data.examples import Examples
from untrain.models.tasks.base import Task

Kept = Mapping[str, Mapping[str, Tensor]]


class Keeper(Spec, role=True):
    """Saves tensors of a model in training, such as an input covariance or an earlier checkpoint.

    An unlearner that needs them names 'kept:KEEPER' among its needs and finds them in ``Problem.kept``, on the model's device
    and in the shape in which they were saved. A store keeps bfloat16 as float32, which has each of its values.
    """

    @abstractmethod
    def keep(self, model: nn.Module, examples: Examples, task: Task) -> Mapping[str, Tensor]:
        """The tensors by name; the model is in eval mode and stays as it is."""

    def epoch(self, epochs: int) -> int:
        """After which of ``epochs`` epochs ``keep`` is called; the last unless it says otherwise."""
        return epochs


@dataclass
class _Keeping:
    keepers: Sequence[Keeper]
    examples: Examples
    task: Task
    kept: dict[str, Mapping[str, Tensor]] = field(default_factory=dict)


_keeping: ContextVar[_Keeping | None] = ContextVar("keeping", default=None)


@contextmanager
def keeping(keepers: Sequence[Keeper], examples: Examples, task: Task) -> Iterator[dict[str, Mapping[str, Tensor]]]:
    """Within, a model that is trained on ``examples`` is shown to the keepers; what they saved is in the mapping."""
    state = _Keeping(keepers, examples, task)
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
        with foreign(repr(keeper)):
            saved = keeper.keep(model, state.examples, state.task)
        state.kept[type(keeper).__name__] = {name: value.detach().clone() for name, value in saved.items()}
    for part, training in modes:
        part.training = training
