"""Checks that a problem has what a method may see of it."""

from __future__ import annotations

from collections.abc import Collection

from untrain.core.access import KEPT
from untrain.core.errors import DataError, RequestError, SpecError
from untrain.data.examples import Examples
from untrain.models.tasks.base import ABILITIES, SIGNALS, Task


def check_signals(needs: frozenset[str], task: Task) -> None:
    """Refuse what a task does not give.

    Raises:
        SpecError: a signal or an ability is among the needs that it does not give.
    """
    if lacking := sorted(needs & (SIGNALS | ABILITIES.keys()) - task.signals - task.abilities):
        raise SpecError(f"this method needs {', '.join(lacking)}, which {type(task).__name__} does not give: take another")


def check_kept(needs: frozenset[str], kept: Collection[str]) -> set[str]:
    """The keepers among the needs.

    Raises:
        RequestError: one of them saved nothing when the model was trained.
    """
    keepers = {name.removeprefix(KEPT) for name in needs if name.startswith(KEPT)}
    for name in sorted(keepers - set(kept)):
        raise RequestError(f"what {name} saves in training is needed: train the model with keepers=({name}(),)")
    return keepers


def check_retain(task: Task, forget: Examples, retain: Examples) -> None:
    """Refuse a retain set that is empty, or of another kind than the forget set.

    Raises:
        RequestError: nothing would be left.
        DataError: the two differ in shape, type or classes.
    """
    if len(retain) == 0:
        raise RequestError("nothing would be left: the forget set is the whole training set")
    kinds = [(task.input_shape(e), e.x.dtype, e.classes) for e in (forget, retain)]
    if kinds[0] != kinds[1]:
        raise DataError(f"forget and retain examples differ in (shape, type, classes): {kinds[0]} and {kinds[1]}")
