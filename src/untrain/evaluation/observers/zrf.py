"""The zero retrain forgetting score, as published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from scipy.special import softmax
from torch import nn

from untrain.evaluation.base import Array, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.maths.divergence import jensen_shannon
from untrain.models.inference import logits

_WEAK = (
    "likeness to an untrained network is not likeness to retraining: a retrained model that predicts the forget set well scores "
    "as low as one that never forgot"
)


class ZRF(Observer):
    """``1 - mean of JS(p_model(x), p_untrained(x))`` over the forget set, with a freshly initialised network.

    Args:
        base: of the logarithm: 'two', with which the score fills [0, 1] as the paper says, or 'e', with which it is at
            least 1 - ln 2.

    Source: Chundawat et al. 2023, arXiv 2205.08096, section on the ZRF metric.
    Departs: their published code sums neither over classes nor in the order of the formula: ``F.kl_div(log p, m)`` with its
        default mean is KL(m || p) over the number of classes; the score then lies much nearer to 1.
    """

    base: Literal["two", "e"] = "two"

    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "zrf": ScoreInfo(
            "1 minus the Jensen-Shannon divergence of a model's predictions to an untrained network's, mean over the forget set",
            "similarity", "the oracles' value", _WEAK,
            below="predicts the forget set with more certainty than retrained models do", margin=0.005,
            above="predicts the forget set more like an untrained network than retrained models do: over-forgets",
        ),
        "zrf_gap": ScoreInfo(
            "oracles' value minus the unlearned models' of: 1 minus the Jensen-Shannon divergence to an untrained network",
            "similarity", "0", _WEAK, low=-1.0, verdict_of="zrf",
        ),
    }  # fmt: skip

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """The score of each example of the forget set, (n,)."""
        device = next(model.parameters()).device
        untrained = sight.init(sight.seed).to(device).eval()
        p, q = (softmax(logits(each, sight.forget, sight.task).astype(np.float64), axis=1) for each in (model, untrained))
        return np.asarray(1 - jensen_shannon(p, q) ** 2 / (np.log(2) if self.base == "two" else 1.0))

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """The score and its gap."""
        return {
            "zrf": Measure((Part(1, "unlearned", "forget", trial.unlearned),)),
            "zrf_gap": Measure((Part(1, "oracle", "forget", trial.oracle), Part(-1, "unlearned", "forget", trial.unlearned))),
        }
