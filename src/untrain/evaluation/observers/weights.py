"""Distance between the weights of unlearned and of other models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from torch import cat, nn

from untrain.evaluation.base import Array, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.maths.representation_distance import lengths

_WEAK = (
    "weak: networks whose units are permuted compute the same and lie far apart, and a small step can undo learning; "
    "it shows nothing of what a model remembers"
)


class Weights(Observer):
    """Euclidean distance of all weights from retrained models', averaged over pairs, and from the nearest original's.

    Batch statistics do not count. The store saves a copy of each model's weights.

    Source: Wu et al. 2020, arXiv 2006.14755, and Tarun et al. 2023, arXiv 2111.08947, among many who report it.
    """

    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "weight_distance": ScoreInfo(
            "Euclidean distance of an unlearned model's weights to a retrained model's, mean over all pairs of models", "weight",
            "the floor: retrained models against each other", _WEAK, high=math.inf,
        ),
        "weight_distance_original": ScoreInfo(
            "Euclidean distance of an unlearned model's weights to those of the original model nearest to it", "weight",
            "the oracles' value", _WEAK, high=math.inf,
        ),
    }  # fmt: skip

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """All weights, one after the other, (p,)."""
        return cat([p.detach().reshape(-1).float() for p in model.parameters()]).cpu().numpy()

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Both distances of each unlearned model."""
        far = lengths(trial.unlearned, trial.oracle).mean(1, keepdims=True)
        scores: dict[str, Measured | str] = {"weight_distance": Measure((Part(1, "unlearned", "models", far),), joint=True)}
        if trial.original is None:
            return scores | {"weight_distance_original": "there are no original models"}
        near = lengths(trial.unlearned, trial.original).min(1, keepdims=True)
        return scores | {"weight_distance_original": Measure((Part(1, "unlearned", "models", near),))}
