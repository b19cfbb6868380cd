"""Membership by the least likely tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.attacks._held_out import MARGIN
from untrain.evaluation.attacks._placements import area_parts, placed_apart
from untrain.evaluation.base import Array, Curve, Evaluator, Formula, Measure, Measured, Prepared, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.maths.roc import fpr_grid, sensitivity

_KINDS = {
    "lowest": ("mink", "Min-k %", "mean of the lowest fifth of its tokens' log-probabilities"),
    "lowest_standardised": ("minkpp", "Min-k %++", "mean of the lowest fifth of these, standardised over the vocabulary"),
}
_WEAK = "texts differ in more than membership: the ideal is the oracles' value and not one half"
_BELOW = "over-forgets: below what oracles show, so that the forget set stands out by tokens that are too unlikely"
_ABOVE = "remembers: above what oracles show, so that the forget set stands out by tokens that are too likely"


class LowestTokenMIA(Evaluator):
    """Whether the least likely tokens of forget answers are likelier than those of test answers: min-k % and min-k %++.

    A text that was trained on has fewer tokens that surprise the model. 'privleak', as benchmarks of language models have it, is
    100 times the oracles' area of min-k % less the model's, over one less the oracles'.

    Source: Shi et al. 2024, arXiv 2310.16789; Zhang et al. 2024, arXiv 2404.02936; Shi et al. 2024,
        arXiv 2407.06460 (MUSE: privleak).
    """

    needs: ClassVar[frozenset[str]] = frozenset(_KINDS)
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        f"mia_{name}_auc": ScoreInfo(
            f"probability that a forget answer has a higher {what} than a test answer", "probability", "the oracles' value", _WEAK,
            below=_BELOW, above=_ABOVE, margin=MARGIN,
        )
        for name, _, what in _KINDS.values()
    } | {
        "privleak": ScoreInfo(
            "100 times the oracles' min-k % area less the unlearned models', over 1 less the oracles'; below 0 the forget set is "
            "known, above 0 it is known too little", "per cent", "0", f"grows without bound as the oracles' area nears 1; {_WEAK}",
            low=-np.inf, high=np.inf, verdict_of="mia_mink_auc",
        )
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Placements and scores of either kind, (m, n, 4); of test examples, centred placements with their share of the spread."""
        forget, test = (np.flatnonzero(observation.side == side) for side in ("forget", "test"))
        out = np.full((observation.models, len(observation), 2 * len(_KINDS)), np.nan)
        for at, name in enumerate(_KINDS):
            for table, scores in zip(out, np.asarray(observation.outputs[name], dtype=np.float64), strict=True):
                table[:, 2 * at + 1] = scores
                if len(forget) and len(test):
                    table[forget, 2 * at], table[test, 2 * at] = placed_apart(scores[forget], scores[test])
        return out

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The area under the ROC curve of each kind."""
        if not all((trial.side == side).any() for side in ("forget", "test")):
            return dict.fromkeys(self.scores, "there are no forget or no test examples")
        scores: dict[str, Measured | str] = {
            f"mia_{name}_auc": Measure(area_parts("unlearned", trial.unlearned, trial.side, 2 * at))
            for at, (name, _, _) in enumerate(_KINDS.values())
        }
        ours = Measure(area_parts("unlearned", trial.unlearned, trial.side, 0))
        theirs = Measure(area_parts("oracle", trial.oracle, trial.side, 0))
        return scores | {"privleak": Formula((ours, theirs), _privleak)}

    def curves(self, trial: Prepared) -> dict[str, Curve]:
        """The ROC curve of each kind, model by model."""
        forget, test = trial.side == "forget", trial.side == "test"
        if not forget.any() or not test.any():
            return {}
        fpr, curves = fpr_grid(int(test.sum())), {}
        for at, (name, title, _) in enumerate(_KINDS.values()):
            scores = trial.unlearned[:, :, 2 * at + 1]
            tpr = np.stack([sensitivity(row[forget], row[test], fpr) for row in scores])
            curves[f"mia_{name}"] = Curve(f"{title} attack", fpr, tpr, "test")
        return curves


def _privleak(ours: Array, theirs: Array) -> Array:
    return np.asarray(100 * (theirs - ours) / np.maximum(1 - theirs, 1e-9))
