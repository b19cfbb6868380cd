"""Membership by how much lower a loss is than that of models that never saw the example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from untrain.evaluation.attacks._held_out import MARGIN, parts_for
from untrain.evaluation.attacks._placements import area_parts, placed_apart
from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Prepared, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.maths.likelihood_ratio import folds, without


class ReferenceMIA(Evaluator):
    """Attack by how far losses on forget examples are below the oracles' mean loss on them, against the same on test examples.

    What is hard or easy for any model cancels. Each model is compared with oracles without its fold, so an oracle never with
    itself. Of answers alone: of classes, LiRA and RMIA do this by margins and by ratios.

    Args:
        parts: number of folds, or fewer where there are fewer unlearned models.

    Source: Watson et al. 2022, arXiv 2111.08440 (difficulty calibration); Carlini et al. 2021, arXiv 2012.07805 (a second model
        as reference).
    """

    parts: Annotated[int, Field(ge=2)] = 10

    needs: ClassVar[frozenset[str]] = frozenset({"loss", "count"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "mia_reference_auc": ScoreInfo(
            "probability that a forget example has a loss farther below the oracles' mean than a test example", "probability",
            "the oracles' value", "with few oracles their mean is noisy; looks at a difference of losses, blind to how they spread",
            below="over-forgets: below what oracles show, so the forget set stands out by losses that are too large",
            above="remembers: above what oracles show, so the forget set stands out by losses that are too small", margin=MARGIN,
        )
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Losses, (m, n)."""
        return np.asarray(observation.signal("loss"), dtype=np.float64)

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The area under the ROC curve."""
        forget, test = (np.flatnonzero(trial.side == side) for side in ("forget", "test"))
        if len(trial.oracle) < 2 or not len(forget) or not len(test):
            reason = f"{len(trial.oracle)} oracles: at least 2 are needed, and examples to forget and to test on"
            return {"mia_reference_auc": reason}
        count = parts_for(self.parts, len(trial.unlearned), len(trial.oracle), 1)
        ours, theirs = (folds(rows[:, forget], count) for rows in (trial.unlearned, trial.oracle))
        usual = np.stack([trial.oracle[kept].mean(0) for kept in without(theirs, count)])
        scores = usual[ours] - trial.unlearned
        tables = np.full((*scores.shape, 1), np.nan)
        for table, row in zip(tables, scores, strict=True):
            table[forget, 0], table[test, 0] = placed_apart(row[forget], row[test])
        return {"mia_reference_auc": Measure(area_parts("unlearned", tables, trial.side, 0), joint=True)}
