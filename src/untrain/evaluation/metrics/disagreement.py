"""Share of predictions that differ from oracles'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo, Splits
from untrain.evaluation.observation import SIDES, Observation

_IDEAL = "what oracles score against other oracles: two retrained models do not agree everywhere either"
_WEAK = "sees the predicted class and not its confidence; two models with the same errors agree"
_ABOVE = "disagrees with retrained models more than they do among themselves"
_BELOW = "agrees with retrained models more than they do among themselves"


class Disagreement(Evaluator):
    """Share of examples on which the predicted class differs from an oracle's, averaged over pairs of models.

    Source: the churn of Milani Fard et al. 2016, against retraining.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"logits"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        f"disagreement_{side}": ScoreInfo(
            f"share of the {side} set on which the predicted class differs from an oracle's, mean over pairs of models",
            "fraction", _IDEAL, _WEAK, above=_ABOVE, below=_BELOW, margin=0.02 if side == "forget" else None,
        )
        for side in SIDES
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Predicted classes, (m, n); ties go to the lower class."""
        return np.stack([row.argmax(-1).astype(np.int32) for row in observation.logits])

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The disagreement of each side."""
        table = differing(trial.unlearned, trial.oracle)
        scores: dict[str, Measured | str] = {}
        for side in SIDES:
            on_side = trial.side == side
            part = Part(1, "unlearned", side, table[:, on_side])
            scores[f"disagreement_{side}"] = Measure((part,), joint=True) if on_side.any() else f"there are no {side} examples"
        return scores

    def in_splits(self, splits: Splits) -> dict[str, Array] | None:
        """The disagreement of each side in the mean over pairs of models; predictions of each pair are compared once."""
        sides = [side for side in SIDES if splits.like.asks(f"disagreement_{side}") and (splits.like.side == side).any()]
        found = {}
        for side in sides:
            predicted = splits.pool[:, splits.like.side == side]
            apart = np.stack([(predicted != row).sum(1) for row in predicted])  # (p, p)
            pairs = apart[splits.ours[:, :, None], splits.theirs[:, None, :]]
            found[f"disagreement_{side}"] = pairs.mean((1, 2)) / predicted.shape[1]
        return found


def differing(ours: Array, theirs: Array) -> Array:
    """Share of models (k, n) whose class differs from each of (m, n): (m, n)."""
    n, classes = ours.shape[1], 1 + max(int(ours.max(initial=0)), int(theirs.max(initial=0)))
    start = np.arange(n) * classes
    counts = np.bincount((theirs + start).ravel(), minlength=n * classes)
    return np.asarray(1 - counts[ours + start] / len(theirs))
