"""The parts that a report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from untrain.evaluation.base import Evaluator
from untrain.evaluation.observation import Observation
from untrain.reports.shown import Shown


@dataclass(frozen=True, eq=False)
class Material:
    """All that a report is made of.

    Args:
        document: the scores of a run, as ``results`` gives them.
        original: outputs of the original models; None where there are none.
        oracle: outputs of the oracles.
        unlearned: method -> outputs of its models; a method that failed is absent.
        shown: the forget examples, in the order of their rows; None when they are left out or not known.
        classes: names of the classes, in the order of their numbers; None where the data name none.
        evaluators: those that scored the run, for their curves.
        pieces: the text of each token, by its number; None where examples are left out, or are not texts.
    """

    document: dict[str, Any]
    original: Observation | None
    oracle: Observation
    unlearned: dict[str, Observation]
    shown: Sequence[Shown] | None
    classes: Sequence[str] | None = None
    evaluators: Sequence[Evaluator] = ()
    pieces: Sequence[str] | None = None
