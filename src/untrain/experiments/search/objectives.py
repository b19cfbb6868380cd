"""What a search looks for: objectives made of accuracies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from untrain.core.errors import SpecError, suggest

Parts = Mapping[str, float]


@dataclass(frozen=True)
class Objective:
    """An objective, larger is better.

    Args:
        name: as in ``--objective``.
        means: its formula in words.
        note: what a reader of its numbers must know; empty where there is nothing.
        score: accuracies -> objective, averaged over models; 'valid', 'forget', 'alike' ('valid' with
            the forget set's mix of classes, before) and, where ``oracle``, 'oracle_forget'.
        oracle: whether retrained models are looked at.
    """

    name: str
    means: str
    note: str
    score: Callable[[Parts], float]
    oracle: bool = False

    @property
    def label(self) -> str:
        """The name as outputs show it."""
        return f"{self.name} (oracle-guided)" if self.oracle else self.name


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
        "accuracy on validation data, less how far accuracy on the forget set lies from what the model before answered right of "
        "validation data of its classes",
        "",
        _balanced,
    ),
    Objective(
        "repair",
        "accuracy on validation data, less what agreement with the labels to forget exceeds the error on validation data by",
        "the labels to forget are taken to be wrong",
        _repair,
    ),
    Objective(
        "valid",
        "accuracy on validation data",
        "this objective rewards leaving the model as it is: nothing in it asks for forgetting",
        _valid,
    ),
    Objective(
        "oracle",
        "accuracy on validation data, less how far accuracy on the forget set lies from that of retrained models",
        "oracle-guided: models retrained without the forget set were looked at, which is not to be had where unlearning is needed; "
        "do not compare what was chosen so with methods that were not",
        _oracle,
        oracle=True,
    ),
)


def aim_of(name: str, wrong: bool) -> Objective:
    """The objective of a name; 'balanced' is 'repair' where most labels to forget are known to be wrong.

    Raises:
        SpecError: there is none of this name.
    """
    aims = {aim.name: aim for aim in AIMS}
    if name not in aims:
        raise SpecError(f"there is no objective {name!r}; it is one of {list(aims)}{suggest(name, aims)}")
    return aims["repair" if name == "balanced" and wrong else name]
