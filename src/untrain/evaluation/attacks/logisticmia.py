"""The attack of the NeurIPS unlearning challenge's starting kit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from untrain.core.fields import Count
from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.maths.logistic_regression import logistic

_MEANS = "accuracy of a logistic regression on losses in separating forget from test examples, mean over splits"
_WEAK = "one threshold for all examples, learned on the forget set itself; it sees a difference of means and little else"
_LEAST = 10


class LogisticMIA(Evaluator):
    """Logistic regression on the loss, forget set against as many test examples, 10 stratified splits into 90 % and 10 %.

    Use it to read published tables. The ideal is the oracles' value: test examples differ from forget examples in more than
    membership.

    Args:
        splits: number of splits.

    Source: NeurIPS 2023 machine unlearning challenge, starting kit (unlearning-CIFAR10.ipynb), function simple_mia.
    Departs: test examples are drawn by id, where the kit shuffles losses; where there are fewer than forget examples, as many
        forget examples are drawn.
    """

    splits: Count = 10

    needs: ClassVar[frozenset[str]] = frozenset({"loss"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "mia_logistic_accuracy": ScoreInfo(_MEANS, "fraction", "the oracles' value", _WEAK),
    }

    def prepare(self, observation: Observation) -> Array:
        """Tables (m, n) whose means over forget and over test add up to the accuracy."""
        out: Array = np.zeros((observation.models, len(observation)))
        rows = np.argsort(observation.ids, kind="stable")
        sides = [rows[observation.side[rows] == side] for side in ("forget", "test")]
        size = min(map(len, sides))
        if size < _LEAST:
            return out
        rng = np.random.default_rng(size)
        forget, test = (side if len(side) == size else np.sort(rng.choice(side, size, replace=False)) for side in sides)
        used, truth = np.r_[test, forget], np.repeat([0, 1], size)
        parts = StratifiedShuffleSplit(n_splits=self.splits, random_state=0).split(np.zeros((2 * size, 1)), truth)
        train, test_rows = (np.stack(each) for each in zip(*parts, strict=True))
        share = np.array([len(side) for side in reversed(sides)])[truth] / test_rows.size
        for at, table in enumerate(out):
            loss = observation.of_models([at]).at(used).signal("loss")[0]
            slope, intercept = logistic(loss[train], truth[train])
            right = (slope[:, None] * loss[test_rows] + intercept[:, None] > 0) == truth[test_rows]
            table[used] = np.bincount(test_rows.ravel(), right.ravel(), minlength=len(used)) * share
        return out

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The accuracy."""
        counts = {side: int((trial.side == side).sum()) for side in ("forget", "test")}
        if min(counts.values()) < _LEAST:
            reason = f"{counts['forget']} forget and {counts['test']} test examples: at least {_LEAST} of each are needed"
            return dict.fromkeys(self.scores, reason)
        parts = tuple(Part(1, "unlearned", side, trial.unlearned[:, trial.side == side]) for side in counts)
        return {"mia_logistic_accuracy": Measure(parts)}
