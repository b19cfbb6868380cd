"""A model's preference for the right answer, in other words, over wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.metrics._probes import log_truth_ratio
from untrain.evaluation.observation import SIDES, Observation

_RATIO = "probability of wrong answers over that of the right one in other words, each the geometric mean over tokens"
_MEANS = {
    "forget": f"mean over the forget set of min(r, 1 / r), r the {_RATIO}; 1 where neither is preferred",
    "retain": f"mean over the retain set of max(0, 1 - r), r the {_RATIO}; 1 where the right answer is certain",
    "test": f"mean over the test set of max(0, 1 - r), r the {_RATIO}; 1 where the right answer is certain",
}
_WEAK = "depends on how the wrong answers were chosen; a model that is certain of a wrong answer scores low on the forget set too"


class TruthRatio(Evaluator):
    """``r = p(wrong answers) / p(right answer in other words)`` of each example; the losses of several wrong answers are averaged.

    It needs the probes 'paraphrase' and 'perturbed'. Their examples have the ids of those that they are about.

    Source: Maini et al. 2024, arXiv 2401.06121 (TOFU), section 2.2; aggregated as in the code of its benchmark.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"loss", "probe:paraphrase", "probe:perturbed"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        f"truth_ratio_{side}": ScoreInfo(means, "fraction", "the oracles' value", _WEAK) for side, means in _MEANS.items()
    }

    def prepare(self, observation: Observation) -> Array:
        """Logarithm of the ratio, (m, n); NaN on an example without a paraphrase or without wrong answers."""
        return log_truth_ratio(observation)

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The mean on each side, over the examples that have a ratio."""
        known = ~np.isnan(trial.oracle).any(0)
        scores: dict[str, Measured | str] = {}
        for side in SIDES:
            here = known & (trial.side == side)
            log_ratio = trial.unlearned[:, here]
            values = np.exp(-np.abs(log_ratio)) if side == "forget" else np.maximum(0.0, 1 - np.exp(np.minimum(log_ratio, 0.0)))
            part = Part(1, "unlearned", side, values)
            scores[f"truth_ratio_{side}"] = (
                Measure((part,)) if here.any() else f"no {side} example comes with a question in other words and wrong answers"
            )
        return scores
