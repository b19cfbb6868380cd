"""The role of an observer: what it takes a model to know, where its answers do not tell."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from torch import nn

from untrain.core.precision import computing
from untrain.core.seeds import isolated_rng
from untrain.core.spec import Spec
from untrain.data.examples import Examples
from untrain.evaluation.base import Array, Measured, Prepared, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.models import compatibility
from untrain.models.compatibility import check_fit
from untrain.models.tasks.base import Task
from untrain.training import guard


@dataclass(frozen=True, eq=False)
class ObserverContext:
    """What an observer looks at beside the model, the same for all models of a run.

    Args:
        task: how the model is asked.
        forget: examples to forget.
        test: examples that no model was trained on.
        init: seed -> a freshly initialised model of the same shape.
        original: what the original models put out on the forget set, (m, n, ...) by name; empty where ``by_original`` is False.
        seed: of every draw that an observer makes.
    """

    task: Task
    forget: Examples
    test: Examples
    init: Callable[[int], nn.Module]
    original: Mapping[str, Array]
    seed: int = 0


class Observer(Spec, role=True):
    """Asks a model what an array of its answers cannot tell, and makes scores of it as an evaluator does.

    ``look`` is done once for each model, and what it gives is kept in the store; ``compare`` is arithmetic on that. What a
    population was found to be stands in ``Observation.observed`` under the observer's spelling. ``by_original`` says whether
    what is found depends on what the original models answer.
    """

    scores: ClassVar[Mapping[str, ScoreInfo]] = {}
    needs: ClassVar[frozenset[str]] = frozenset()
    by_original: ClassVar[bool] = False
    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__", "prepare", "evaluate")

    @abstractmethod
    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """What is to be known of one model, which is in eval mode and stays as it is; of one shape for all models."""

    @abstractmethod
    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """The scores by name, of what ``look`` gave for each model; a reason in words for one that cannot be computed."""

    @final
    def __call__(self, model: nn.Module, sight: ObserverContext) -> Array:
        """What is to be known of one model, float32; the model is left as it was.

        Raises:
            BrokenPromise: the model was written to.
            NotFinite: a loss or an answer is NaN or infinite.
        """
        compatibility.check_shaped(model)
        with isolated_rng(model, sight.seed), guard.read_only(type(self).__name__, model), computing():
            check_fit(model.eval(), sight.task, sight.forget)
            return np.asarray(self.look(model, sight), dtype=np.float32)

    @final
    def prepare(self, seen: Observation) -> Array:
        """What was found of the models of a population, (m, ...); NaN where looking failed."""
        return seen.observed[repr(self)]

    @final
    def evaluate(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """The scores by name; a reason for each where looking failed."""
        for name, held in (("an unlearned", trial.unlearned), ("a retrained", trial.oracle), ("an original", trial.original)):
            if held is not None and np.isnan(held).any():
                return dict.fromkeys(self.scores, f"{name} model could not be observed; a note says why")
        return self.compare(trial)


def forgets(trial: Prepared, most: int | None = None) -> int:
    """Number of examples of the forget set, or of the first of them that were looked at."""
    count = int((trial.side == "forget").sum())
    return count if most is None else min(count, most)
