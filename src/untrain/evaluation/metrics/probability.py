"""The probability that a model gives to the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import SIDES, Observation

_MEANS = "probability of an answer, the geometric mean over its tokens; mean over the {} set"
_WEAK = "a model that never says an answer may still give it some probability, and one that says it need not be sure"
_FORGET = {
    "above": "remembers: forgotten answers are likelier than after retraining",
    "below": "over-forgets: forgotten answers are less likely than after retraining",
}


class Probability(Evaluator):
    """Mean probability of answers on each side, ``exp(-loss)``, the loss a mean over an answer's tokens.

    Of answers alone: of classes there are accuracies and margins.

    Source: Maini et al. 2024, arXiv 2401.06121 (TOFU), section 2.2.1.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"confidence", "count"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "probability_forget": ScoreInfo(
            _MEANS.format("forget"), "probability", "the oracles' value", _WEAK, margin=0.02, **_FORGET,  # type: ignore[arg-type]
        ),
        "probability_retain": ScoreInfo(
            _MEANS.format("retain"), "probability", "the oracles' value", _WEAK, margin=0.02,
            below="loses utility: answers to be kept are less likely than after retraining",
        ),
        "probability_test": ScoreInfo(_MEANS.format("test"), "probability", "the oracles' value", _WEAK),
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Probabilities, (m, n)."""
        return observation.signal("confidence")

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The mean on each side."""
        scores: dict[str, Measured | str] = {}
        for side in SIDES:
            here = trial.side == side
            part = Part(1, "unlearned", side, trial.unlearned[:, here])
            scores[f"probability_{side}"] = Measure((part,)) if here.any() else f"there are no {side} examples"
        return scores
