"""The adaptive unlearning score of DUCK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Formula, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.metrics.classaccuracy import cannot_part
from untrain.evaluation.observation import Observation

_FORM = "(1 - (A_or - A_t)) / (1 + D), A_or the run's own original"
_WEAK = "one number for damage and forgetting: one can make up for the other; exceeds 1 where test accuracy has risen"


class AUS(Evaluator):
    """``AUS = (1 - (A_or - A_t)) / (1 + D)``: the test accuracy that stays, over the accuracy left on the forget set.

    ``aus`` is for examples drawn from all classes: A_t on the test set, ``D = |A_f - A_t|`` with A_f on the forget set.
    ``aus_classes`` is for whole classes: A_t on test examples of the other classes, ``D = A_f`` on those of the forgotten ones.
    A_or is the accuracy of the run's own original models on the examples of A_t.

    Source: Cotogni et al. 2023 (DUCK), arXiv 2312.02052; main_def.AUS.
    Departs: A_or is the run's own, where the code holds a table of constants.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"correct", "classes"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "aus": ScoreInfo(
            f"{_FORM}, A_t test accuracy, D the difference of forget and test accuracy",
            "ratio", "the oracles' value", _WEAK, high=2.0,
        ),
        "aus_classes": ScoreInfo(
            f"{_FORM}, A_t test accuracy on the classes that stay, D that on the forgotten classes",
            "ratio", "the oracles' value", _WEAK, high=2.0,
        ),
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Correctness, and 1 where an example's class is in the forget set and not in the retain set: (m, n, 2)."""
        right = observation.signal("correct")
        return np.stack([right, np.broadcast_to(observation.in_forgotten_class, right.shape)], axis=-1)

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Both forms."""
        if trial.original is None:
            return dict.fromkeys(self.scores, "there is no original model to compare test accuracy with")
        forget, test = trial.side == "forget", trial.side == "test"
        if not forget.any() or not test.any():
            return dict.fromkeys(self.scores, "there are no forget or no test examples")
        right, start = trial.unlearned[..., 0], trial.original[..., 0].mean(0)
        gone = trial.unlearned[0, :, 1] > 0

        def mean(side: str, at: Array) -> Measure:
            return Measure((Part(1, "unlearned", side, right[:, at]),))

        def gain(at: Array) -> Measure:
            """Test accuracy less the original's, which is the same beside each model and is drawn with the same examples."""
            before = np.broadcast_to(start[at], right[:, at].shape)
            return Measure((Part(1, "unlearned", "test", right[:, at]), Part(-1, "unlearned", "test", before)))

        scores: dict[str, Measured | str] = {
            "aus": Formula((gain(test), mean("forget", forget), mean("test", test)), _mixed, "fraction"),
        }
        reason = cannot_part(trial.side, gone)
        staying, forgotten = test & ~gone, test & gone
        scores["aus_classes"] = reason or Formula((gain(staying), mean("test", forgotten)), _classes, "fraction")
        return scores


def _mixed(gain: Array, forget: Array, test: Array) -> Array:
    return np.asarray((1 + gain) / (1 + np.abs(forget - test)))


def _classes(gain: Array, forget: Array) -> Array:
    return np.asarray((1 + gain) / (1 + np.abs(forget)))
