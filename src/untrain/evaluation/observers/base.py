"""The role of an observer: scores that need the model, not only its outputs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import numpy as np
from torch import nn

from untrain.core.foreign import foreign
from untrain.core.precision import computing
from untrain.core.seeds import isolated_rng
from untrain.core.spec import Spec
from untrain.data.examples import Examples, copied
from untrain.evaluation.base import Array, Curve, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.models import compatibility
from untrain.models.compatibility import check_fit
from untrain.models.tasks.base import Task
from untrain.models.wrappers import unwrap
from untrain.training import guard


@dataclass(frozen=True, eq=False)
class ObserverContext:
    """Everything besides the model that an observer may use, the same for all models of a run.

    Of examples it sees inputs, targets where it is ``by_labels``, and row numbers for ids.

    Args:
        task: the models' task.
        forget: examples to forget.
        test: examples that no model was trained on.
        init: seed -> a freshly initialised model of the same shape.
        original: outputs of the original models on the forget set, (m, n, ...) by name; empty where ``by_original`` is False.
        seed: of every draw that an observer makes.
        probes: further examples about those of a run, by name, as they are; empty for an observer that is not ``by_probes``.
        retain: examples that stay; None for an observer that is not ``by_retain``.
    """

    task: Task
    forget: Examples
    test: Examples
    init: Callable[[int], nn.Module]
    original: Mapping[str, Array]
    seed: int = 0
    probes: Mapping[str, Examples] = field(default_factory=dict)
    retain: Examples | None = None


class Observer(Spec, role=True):
    """Measures on a model what its outputs do not show, and makes scores of it as an evaluator does.

    ``look`` runs once per model, and the store saves its array; ``compare`` is arithmetic on the arrays. Those of a
    population are in ``Observation.observed`` under the observer's spelling. ``by_original`` says whether the array depends on
    outputs of the original models, ``by_labels`` whether it depends on targets of examples, which are hidden otherwise,
    ``by_retain`` whether it depends on the examples that stay, and ``by_probes`` whether it depends on probes, and on the ids by
    which these name examples.
    """

    scores: ClassVar[Mapping[str, ScoreInfo]] = {}
    needs: ClassVar[frozenset[str]] = frozenset()
    by_original: ClassVar[bool] = False
    by_labels: ClassVar[bool] = False
    by_probes: ClassVar[bool] = False
    by_retain: ClassVar[bool] = False
    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__", "prepare", "evaluate")

    @abstractmethod
    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Measure one model, which is in eval mode and stays as it is; an array of one shape for all models."""

    @abstractmethod
    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Compute the scores by name from the arrays of ``look``; a reason in words for one that cannot be computed."""

    def curves(self, trial: Prepared) -> Mapping[str, Curve]:
        """ROC curves of the unlearned models, as ``Evaluator.curves``; none by default."""
        return {}

    @final
    def __call__(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Measure one model, float32; the model stays as it was.

        Raises:
            BrokenPromise: the model was written to, or the process was left changed.
            NotFinite: a loss or an output is NaN or infinite.
        """
        model = unwrap(model)
        compatibility.check_shaped(model)
        # Copies: what one observer writes to is not what the next one looks at.
        original = {name: array.copy() for name, array in sight.original.items()}
        probes = {name: copied(examples) for name, examples in sight.probes.items()} if self.by_probes else {}
        retain = None if sight.retain is None or not self.by_retain else self._shown(sight.retain)
        shown = {"forget": self._shown(sight.forget), "test": self._shown(sight.test), "retain": retain}
        sight = replace(sight, **shown, original=original, probes=probes)  # type: ignore[arg-type]
        with (
            foreign(self, model, sight.task),
            isolated_rng(model, sight.seed),
            guard.read_only(type(self).__name__, model),
            computing(),
        ):
            check_fit(model.eval(), sight.task, sight.forget)
            return np.asarray(self.look(model, sight), dtype=np.float32)

    def _shown(self, examples: Examples) -> Examples:
        ids = examples.ids if self.by_probes else np.arange(len(examples))
        shown = replace(copied(examples), ids=ids, true=None, columns={}, owner=None, features=(), pieces=())
        return shown if self.by_labels else shown.without_targets()

    @final
    def prepare(self, observation: Observation) -> Array:
        """Arrays measured on the models of a population, (m, ...); NaN where measuring failed."""
        return observation.observed[repr(self)]

    @final
    def evaluate(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Compute the scores by name; a reason for each where measuring failed."""
        for name, array in (("an unlearned", trial.unlearned), ("a retrained", trial.oracle), ("an original", trial.original)):
            if array is not None and np.isnan(array).any():
                return dict.fromkeys(self.scores, f"{name} model could not be observed; a note says why")
        return self.compare(trial)


def means_by_set(name: str, trial: Prepared, most: int | None = None) -> dict[str, Measured | str]:
    """Means of one value of each forget and then of each test example, (m, n), as the scores ``name_forget`` and ``name_test``.

    Args:
        name: of the scores, without their ends.
        trial: holds the values.
        most: examples per set that an observer looked at; None for all.
    """
    count = forgets(trial, most)
    parts = {"forget": trial.unlearned[:, :count], "test": trial.unlearned[:, count:]}
    return {
        f"{name}_{side}": Measure((Part(1, "unlearned", side, values),)) if values.shape[1] else f"there are no {side} examples"
        for side, values in parts.items()
    }


def forgets(trial: Prepared, most: int | None = None) -> int:
    """Number of examples of the forget set, or of the first ``most`` of them."""
    count = int((trial.side == "forget").sum())
    return count if most is None else min(count, most)


def spread(count: int, most: int) -> Array:
    """At most so many rows of a set, spread evenly, ascending.

    >>> spread(10, 4).tolist(), spread(3, 4).tolist()
    ([0, 3, 6, 9], [0, 1, 2])
    """
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
