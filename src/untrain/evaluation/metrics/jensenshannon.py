"""Distance of predictive distributions to the oracles'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

import numpy as np
import torch
from scipy.special import softmax

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo, Splits
from untrain.evaluation.lazy_stack import LazyStack, held_up_to
from untrain.evaluation.observation import SIDES, Observation
from untrain.maths.divergence import entropy

_IDEAL = "what oracles score against other oracles"
_WEAK = (
    "falls with the number of oracles in the mean, so read it next to its floor; moves with calibration as much as with predictions"
)
_ABOVE = "its predictive distributions lie farther from the oracles' than those of further oracles do"
_BELOW = "its predictive distributions lie closer to the oracles' mean than those of further oracles do"
_LEAST = 1e-300  # of a probability whose logarithm is taken as it is
_HELD = 2**28  # bytes of distributions that a population holds; more of them are computed anew for each use


class JensenShannon(Evaluator):
    """Jensen-Shannon distance of a model's predictive distribution from the mean of the oracles' on the same example.

    It is the root of the divergence, in nats: 0 where they agree, ``sqrt(log 2)``, about 0.83, where they share no class.
    The mean of the oracles stands for retraining as a whole, so the work grows with models and not with pairs of them.

    Source: Endres and Schindelin 2003; against retraining as in Chundawat et al. 2023, arXiv 2205.08096.
    Departs: the root, and the mean of several oracles, where one oracle's divergence is published.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"logits"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        f"js_{side}": ScoreInfo(
            f"Jensen-Shannon distance of a model's predictive distribution to the mean of the oracles', mean over the {side} set",
            "square root of nats", _IDEAL, _WEAK, high=float(np.sqrt(np.log(2))), above=_ABOVE, below=_BELOW, margin=0.02,
        )
        for side in SIDES
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Probabilities of the classes and, last, their entropy in nats, (m, n, c + 1)."""
        held = held_up_to(_HELD, LazyStack.over(observation.logits).map(_distributions))
        return cast(Array, LazyStack.over(held))  # so that no split of the models copies their tables

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The distance on each side."""
        table = _distances(trial.unlearned, trial.oracle)
        if not np.isfinite(table).all():
            return dict.fromkeys(self.scores, "some outputs are not finite")
        scores: dict[str, Measured | str] = {}
        for side in SIDES:
            on_side = trial.side == side
            part = Part(1, "unlearned", side, table[:, on_side])
            scores[f"js_{side}"] = Measure((part,), joint=True) if on_side.any() else f"there are no {side} examples"
        return scores

    def in_splits(self, splits: Splits) -> dict[str, Array] | None:
        """The distance on each side, where the distributions of all models fit in memory."""
        models, n, columns = splits.pool.shape
        asked = {s: splits.like.side == s for s in SIDES if splits.like.asks(f"js_{s}")}
        means = {s: rows / rows.sum() for s, rows in asked.items() if rows.any()}
        if models * n * columns * 8 > _HELD or not means:
            return None
        tables, entropies = np.empty((models, columns - 1, n)), np.empty((models, n))
        for at, row in enumerate(splits.pool):
            tables[at], entropies[at] = row[:, :-1].T, row[:, -1]
        if not tables.min() > _LEAST:  # a logarithm of 0, or of what is not finite
            return None
        found, weights = np.empty((len(splits), len(means))), np.stack(list(means.values()), axis=1)
        for value, ours, theirs in zip(found, splits.ours, splits.theirs, strict=True):
            value[:] = (_distances_by_class(tables, entropies, ours, theirs) @ weights).mean(0)
        return {f"js_{side}": found[:, at] for at, side in enumerate(means)}


def _distances_by_class(tables: Array, entropies: Array, ours: Array, theirs: Array) -> Array:
    """``_distances`` of some rows of tables (p, c, n) from others, (m, n); their logarithms, most of the work, are torch's.

    Those take half the time of numpy's, and differ from them in the last bit.
    """
    mean, scratch = np.zeros(tables.shape[1:]), np.empty(tables.shape[1:])
    for row in theirs:
        mean += tables[row]
    mean /= len(theirs)
    logs, mixture = torch.from_numpy(scratch), np.empty_like(mean)

    def entropy_of(table: Array) -> Array:
        torch.log(torch.from_numpy(table), out=logs)
        return np.asarray(-np.multiply(scratch, table, out=scratch).sum(0))

    mean_entropy, found = entropy_of(mean), np.empty((len(ours), mean.shape[1]))
    for out, row in zip(found, ours, strict=True):
        np.add(tables[row], mean, out=mixture)
        np.multiply(mixture, 0.5, out=mixture)
        np.subtract(entropy_of(mixture), (entropies[row] + mean_entropy) / 2, out=out)
    return np.asarray(np.sqrt(np.maximum(found, 0.0, out=found), out=found))


def _distances(ours: Array, theirs: Array) -> Array:
    """``divergence.jensen_shannon`` of each of ours to the mean of theirs, (m, n); both as ``prepare`` gives them.

    It is called for hundreds of splits, so it works in place and on whole rows, entropies included, which lie side by side.
    """
    rows = iter(theirs)
    mean = next(rows) + 0.0
    for row in rows:
        mean += row
    mean /= len(theirs)
    scratch = np.empty_like(mean)
    mean_entropy = _entropy(mean, scratch)
    table = np.empty((len(ours), len(mean)))
    mixture = np.empty_like(mean)
    for out, row in zip(table, ours, strict=True):
        np.add(row, mean, out=mixture)
        mixture /= 2
        np.subtract(_entropy(mixture, scratch), (row[:, -1] + mean_entropy) / 2, out=out)
    return np.asarray(np.sqrt(np.maximum(table, 0.0, out=table), out=table))


def _entropy(table: Array, scratch: Array) -> Array:
    """``entropy`` of the distributions of a table without its last column, to the last bit."""
    np.maximum(table, np.finfo(np.float64).tiny, out=scratch)
    np.log(scratch, out=scratch)
    np.multiply(scratch, table, out=scratch)
    return np.asarray(-(scratch[:, :-1] @ np.ones(table.shape[1] - 1)))


def _distributions(logits: Array) -> Array:
    """Probabilities of the classes and, last, their entropy in nats, of one model, (n, c + 1)."""
    table = np.empty((len(logits), logits.shape[1] + 1))
    table[:, :-1] = softmax(np.asarray(logits, dtype=np.float64), axis=-1)
    table[:, -1] = entropy(table[:, :-1])
    return table
