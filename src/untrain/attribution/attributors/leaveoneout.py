"""The effect of each training example on a convex model."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from untrain.attribution.base import Array, Attributor, Needs, TrainingEvidence
from untrain.attribution.leave_one_out import steps_without
from untrain.data.batching import in_order
from untrain.data.examples import take
from untrain.training.convex_rows import rows_of
from untrain.training.learners.convex import Convex

AT_ONCE = 4096  # examples that are asked about at a time


class LeaveOneOut(Attributor):
    """Outputs of a convex model minus those after one Newton step without the example.

    The Newton step is that of the objective without the example, so that values of a single example are exact where losses are
    quadratic, and near retraining elsewhere. What they say of several examples is the sum, which is not.

    Args:
        by: the learner whose optimum the models are.

    Source: Cook and Weisberg 1982 (ridge); Koh and Liang 2017, arXiv 1703.04730 (influence functions); Beirami et al. 2017
        (leverage).
    """

    needs: ClassVar[Needs] = "models"

    by: Convex = Convex()

    @property
    def learner(self) -> Convex:
        """That of the models."""
        return self.by

    def attribute(self, evidence: TrainingEvidence, rows: Array, asked_rows: Array) -> Array:
        """The changes, in the mean over models."""
        total = np.zeros(0)
        for model in evidence.models:
            blocks = [self._scores(steps, evidence, asked_rows) for steps in steps_without(self.by, model, evidence.train, rows)]
            values = -np.concatenate(blocks)
            total = values if not total.size else total + values
        mean = total / len(evidence.models)
        binary = self.by.task.outputs_needed(evidence.train) == 2 and mean.shape[2] == 1
        return np.concatenate([-mean / 2, mean / 2], axis=2) if binary else mean

    def _scores(self, steps: Array, evidence: TrainingEvidence, asked_rows: Array) -> Array:
        """By how much steps of the weights (b, k * width) change scores, (b, t, k)."""
        out, task = [], evidence.task
        for some in in_order(len(asked_rows), AT_ONCE):
            design = rows_of(take(evidence.asked, asked_rows[some]), task, self.by.bias != "none")
            each = design.scores(steps.reshape(-1, design.width))  # (t, b * k)
            out.append(each.reshape(len(some), len(steps), -1).transpose(1, 0, 2))
        return np.concatenate(out, axis=1)
