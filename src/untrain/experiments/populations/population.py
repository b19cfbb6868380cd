"""What one trained population serves: memorization, shadow models of attacks, pairs for audits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from untrain.attribution import memorization as leave_out
from untrain.attribution.memorization import MemorizationEstimate
from untrain.core.errors import BadInput, suggest
from untrain.evaluation.observation import Observation
from untrain.maths import logits as derived

Array = np.ndarray[Any, Any]
Kind = Literal["correct", "confidence", "margin", "loss"]
DERIVED = {"correct": derived.correct, "confidence": derived.confidences, "margin": derived.margins, "loss": derived.losses}
BLOCK = 2048


@dataclass(frozen=True, eq=False)
class Population:
    """What m models answered on n training examples, of which each saw a part, and on further test examples.

    It serves, without another model being trained:

    - memorization and influence: ``logits`` and ``seen``; two models of each kind for an example at least;
    - LiRA and RMIA: margins or probabilities of an example under the models that saw it and under those that did not;
    - datamodels: ``seen`` is the design matrix, margins are what is regressed on it;
    - audits: models that saw none of a forget set, and models that saw all of it, when ``Subsets(units=...)`` drew it whole.

    Args:
        logits: answers in eval mode, float32 (m, n + tests, c), training examples first; may be memory-mapped.
        seen: whether a model was trained on a training example, bool (m, n).
        labels: labels as given, (n + tests,).
        true: labels before noise was planted where they are known, else those given, (n + tests,).
        ids: ids of the examples, (n + tests,).
        seeds: of the models, (m,).
    """

    logits: np.ndarray[Any, Any]
    seen: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    true: np.ndarray[Any, Any]
    ids: np.ndarray[Any, Any]
    seeds: np.ndarray[Any, Any]

    def shadow_outputs(self, kind: Kind = "margin") -> tuple[Array, Array]:
        """Answers on each training example of the models that saw it and of those that did not, for attacks such as LiRA and RMIA.

        Args:
            kind: of answer; LiRA takes 'margin', RMIA 'confidence'.

        Returns:
            Two arrays float32, (most models that saw an example, n) and (most that did not, n), filled up with NaN where there
            are fewer; in the order of the models.
        """
        seen = np.asarray(self.seen)
        table = answers(self, kind)[:, : seen.shape[1]]
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
            raise BadInput(f"forget holds what is no row: whole numbers from 0 to {n - 1} are needed")
        side = np.full(len(self.labels), "retain", dtype="<U6")
        side[rows], side[n:] = "forget", "test"
        members = self.seen[:, rows]

        def of(models: Array) -> Observation:
            return Observation.of_logits(self.logits[models], self.labels, self.true, side, self.ids)

        return of(np.asarray(members.all(1))), of(np.asarray(~members.any(1)))


def answers(population: Population, kind: Kind = "margin") -> Array:
    """One number an answer, float32 (m, n + tests), training examples first.

    Args:
        population: the models.
        kind: 'correct' (0 or 1), 'confidence' (probability of the label), 'margin' (its log odds) or 'loss' (in nats).
    """
    if kind not in DERIVED:
        raise BadInput(f"kind={kind!r}{suggest(str(kind), DERIVED)}: one of {', '.join(get_args(Kind))} is needed")
    m, n = population.logits.shape[:2]
    out = np.empty((m, n), dtype=np.float32)
    for start in range(0, n, BLOCK):
        here = slice(start, start + BLOCK)
        out[:, here] = DERIVED[kind](population.logits[:, here], population.labels[here])
    return out


def memorization(population: Population, kind: Kind = "correct") -> MemorizationEstimate:
    """Memorization of each training example, (n,): how much surer models that saw it are of its label.

    Args:
        population: the models; of examples that fewer than two saw, or fewer than two did not, it is NaN.
        kind: of answer that is compared; the source's is 'correct'.

    Source: Feldman and Zhang 2020, arXiv 2008.03703, eq. 1.
    """
    return leave_out.memorization(answers(population, kind)[:, : population.seen.shape[1]], population.seen)


def influence(population: Population, rows: Sequence[int], kind: Kind = "correct") -> MemorizationEstimate:
    """What some training examples do to the answers on all training and test examples, (rows, n + tests).

    Args:
        population: the models.
        rows: of the training data; ``attribute.memorization.influences`` goes through all of them in bounded memory.
        kind: of answer that is compared.

    Source: Feldman and Zhang 2020, arXiv 2008.03703, eq. 2.
    """
    return leave_out.influence(answers(population, kind), population.seen, np.asarray(rows))


def _packed(table: Array, group: Array) -> Array:
    """The answers of each example's group of models at the top of its column, NaN below."""
    order = np.argsort(~group, axis=0, kind="stable")[: group.sum(0).max(initial=0)]
    return np.where(np.take_along_axis(group, order, 0), np.take_along_axis(table, order, 0), np.float32(np.nan))
