"""Uses of one trained population: memorization, shadow models of attacks, pairs for audits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.attribution import memorization as leave_out
from untrain.attribution.memorization import MemorizationEstimate
from untrain.core.errors import BadInput, suggest
from untrain.evaluation.observation import Observation, derived_signals
from untrain.models.tasks.base import Signal, Task, success_of

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Population:
    """Outputs of m models on n training examples, of which each saw a part, and on further test examples.

    It serves, without another model being trained:

    - memorization and influence: a signal and ``seen``; two models of each kind for an example at least;
    - LiRA and RMIA: margins or probabilities of an example under the models that saw it and under those that did not;
    - datamodels: ``seen`` is the design matrix, margins are what is regressed on it;
    - audits: models that saw none of a forget set, and models that saw all of it, when ``Subsets(units=...)`` drew it whole.

    Args:
        outputs: of the models in eval mode, float32 (m, n + tests, ...) by name, such as 'logits' (m, n + tests, c); training
            examples first; they may be memory-mapped.
        seen: whether a model was trained on a training example, bool (m, n).
        labels: targets as given, (n + tests, ...).
        true: targets before noise was planted where they are known, else those given, (n + tests, ...).
        ids: ids of the examples, (n + tests,).
        seeds: of the models, (m,).
        task: derives signals from outputs.
    """

    outputs: Mapping[str, np.ndarray[Any, Any]]
    seen: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    true: np.ndarray[Any, Any]
    ids: np.ndarray[Any, Any]
    seeds: np.ndarray[Any, Any]
    task: Task

    def signal(self, name: Signal) -> Array:
        """A number per model and example, float32 (m, n + tests), training examples first.

        Args:
            name: a signal of the task, such as 'correct' (0 or 1), 'confidence' (probability of the label), 'margin' (its log
                odds) or 'loss' (in nats).

        Raises:
            BadInput: the task gives no such signal.
        """
        check_signal(self.task, name)
        out = np.empty(next(iter(self.outputs.values())).shape[:2], dtype=np.float32)
        for row, derived in zip(out, derived_signals(self.task, self.outputs, self.labels, name), strict=True):
            row[...] = derived
        return out

    def shadow_outputs(self, kind: Signal = "margin") -> tuple[Array, Array]:
        """Answers on each training example of the models that saw it and of those that did not, for attacks such as LiRA and RMIA.

        Args:
            kind: of answer; LiRA takes 'margin', RMIA 'confidence'.

        Returns:
            Two arrays float32, (most models that saw an example, n) and (most that did not, n), filled up with NaN where there
            are fewer; in the order of the models.
        """
        seen = np.asarray(self.seen)
        table = self.signal(kind)[:, : seen.shape[1]]
        return _packed(table, seen), _packed(table, ~seen)

    def split_by(self, forget: Sequence[int]) -> tuple[Observation, Observation]:
        """Models that saw all of a forget set and models that saw none of it, as an audit takes them.

        The former are originals, the latter oracles, trained on a fraction of the data; as many of each as are needed for a
        floor. A set of more than a few examples is whole in a model, or wholly out of it, when the population was drawn with
        ``Subsets(units=...)`` that make it one unit; ``Subsets(exclude=forget)`` gives oracles alone. What is named 'retain' in
        them is the other training data, of which each model saw its part.

        Args:
            forget: rows of the training data.

        Returns:
            Answers of the models that saw all of it, and of those that saw nothing of it; either may be of no model.

        Raises:
            BadInput: a row is not there.
        """
        rows, n = np.asarray(forget), self.seen.shape[1]
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or not rows.size or rows.min() < 0 or rows.max() >= n:
            raise BadInput(f"forget holds something other than a row: whole numbers from 0 to {n - 1} are needed")
        side = np.full(len(self.labels), "retain", dtype="<U6")
        side[rows], side[n:] = "forget", "test"
        members = self.seen[:, rows]

        def of(models: Array) -> Observation:
            outputs = {name: array[models] for name, array in self.outputs.items()}
            return Observation(outputs, self.labels, self.true, side, self.ids, task=self.task)

        return of(np.asarray(members.all(1))), of(np.asarray(~members.any(1)))


def check_signal(task: Task, name: str) -> None:
    """Check that a task gives a signal.

    Raises:
        BadInput: it does not.
    """
    known = sorted(task.signals - {"classes"})
    if name not in known:
        raise BadInput(f"{type(task).__name__} gives no {name!r}{suggest(str(name), known)}: one of {', '.join(known)} is needed")


def memorization(population: Population, kind: Signal | None = None) -> MemorizationEstimate:
    """Memorization of each training example, (n,): how much better models that saw it do on it than models that did not.

    Args:
        population: the models; of examples that fewer than two saw, or fewer than two did not, it is NaN.
        kind: of signal that is compared; None for the task's ``success``, which for classes is the source's 'correct'.

    Source: Feldman and Zhang 2020, arXiv 2008.03703, eq. 1.
    """
    name = success_of(population.task).signal if kind is None else kind
    return leave_out.memorization(population.signal(name)[:, : population.seen.shape[1]], population.seen)


def influence(population: Population, rows: Sequence[int], kind: Signal | None = None) -> MemorizationEstimate:
    """Effects of some training examples on the outputs on all training and test examples, (rows, n + tests).

    Args:
        population: the models.
        rows: of the training data; ``attribution.memorization.influences`` goes through all of them in bounded memory.
        kind: of signal that is compared; None for the task's ``success``.

    Source: Feldman and Zhang 2020, arXiv 2008.03703, eq. 2.
    """
    name = success_of(population.task).signal if kind is None else kind
    return leave_out.influence(population.signal(name), population.seen, np.asarray(rows))


def _packed(table: Array, group: Array) -> Array:
    """The answers of each example's group of models at the top of its column, NaN below."""
    order = np.argsort(~group, axis=0, kind="stable")[: group.sum(0).max(initial=0)]
    return np.where(np.take_along_axis(group, order, 0), np.take_along_axis(table, order, 0), np.float32(np.nan))
