"""Objectives of a search, made of the mean success of models, such as their accuracy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from untrain.core.errors import SpecError, suggest
from untrain.models.tasks.base import Success, Task, success_of

Parts = Mapping[str, float]
RIGHT = Success("correct", "accuracy", "An example is right or wrong.")


@dataclass(frozen=True)
class Objective:
    """An objective, larger is better.

    Args:
        name: as in ``--objective``.
        formula: its formula in words, with ``{mean}`` for the mean success of the task, such as 'accuracy'.
        note: what a reader of its numbers must know; empty where there is nothing.
        score: mean successes -> objective, averaged over models; 'valid', 'forget', 'alike' ('valid' with
            the forget set's mix of classes, before) and, where ``oracle``, 'oracle_forget'.
        oracle: whether it uses retrained models.
        exclusive: whether outputs have to be right or wrong, so that who agrees with a wrong target is not right.
    """

    name: str
    formula: str
    note: str
    score: Callable[[Parts], float]
    oracle: bool = False
    exclusive: bool = False

    @property
    def label(self) -> str:
        """The name as outputs show it."""
        return f"{self.name} (oracle-guided)" if self.oracle else self.name

    def success(self, task: Task) -> Success:
        """The quantity averaged over examples: what the task counts as success, or whether outputs are right."""
        return RIGHT if self.exclusive else success_of(task)

    def means(self, task: Task) -> str:
        """The formula in the words of a task."""
        return self.formula.format(mean=self.success(task).mean)

    def suits(self, task: Task) -> bool:
        """Return whether the task gives what the objective needs."""
        return not self.exclusive or RIGHT.signal in task.signals


def _balanced(parts: Parts) -> float:
    # Classes differ in difficulty: held-out examples count by class as often as the class is to be forgotten. They are asked of
    # the model as it was: of the model that forgot, one that knows nothing of those classes any more would look right.
    return parts["valid"] - abs(parts["forget"] - parts["alike"])


def _repair(parts: Parts) -> float:
    # A model that never saw a wrong label agrees with it at most as often as it errs.
    return parts["valid"] - max(0.0, parts["forget"] - (1 - parts["valid"]))


def _valid(parts: Parts) -> float:
    return parts["valid"]


def _oracle(parts: Parts) -> float:
    return parts["valid"] - abs(parts["forget"] - parts["oracle_forget"])


AIMS = (
    Objective(
        "balanced",
        "{mean} on validation data, less how far {mean} on the forget set lies from that of the model before on validation data "
        "with the forget set's mix of classes, if it has classes",
        "",
        _balanced,
    ),
    Objective(
        "repair",
        "{mean} on validation data, less what agreement with the labels to forget exceeds the error on validation data by",
        "the labels to forget are taken to be wrong",
        _repair,
        exclusive=True,
    ),
    Objective(
        "valid",
        "{mean} on validation data",
        "this objective rewards leaving the model as it is: nothing in it asks for forgetting",
        _valid,
    ),
    Objective(
        "oracle",
        "{mean} on validation data, less how far {mean} on the forget set lies from that of retrained models",
        "oracle-guided: it used models retrained without the forget set, which nobody has where unlearning is needed; "
        "do not compare what was chosen so with methods that were not",
        _oracle,
        oracle=True,
    ),
)


def aim_of(name: str, wrong: bool, task: Task) -> Objective:
    """The objective of a name; 'balanced' is 'repair' where most labels to forget are known to be wrong.

    Raises:
        SpecError: there is none of this name, or the task does not give what it needs.
    """
    aims = {aim.name: aim for aim in AIMS}
    if name not in aims:
        raise SpecError(f"there is no objective {name!r}; it is one of {list(aims)}{suggest(name, aims)}")
    aim = aims["repair" if name == "balanced" and wrong else name]
    success_of(task)
    if not aim.suits(task):
        why = "" if aim.name == name else f", which {name!r} becomes where most targets to forget are known to be wrong,"
        others = [other.name for other in AIMS if other.suits(task) and other.name != name]
        raise SpecError(
            f"the objective {aim.name!r}{why} asks whether outputs are right, and {type(task).__name__} gives no 'correct'; take "
            f"one of {others}"
        )
    return aim
