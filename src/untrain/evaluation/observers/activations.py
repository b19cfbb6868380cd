"""Distance between the activations of unlearned and of retrained models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from scipy.special import softmax
from torch import nn

from untrain.core.fields import Count
from untrain.data.examples import take
from untrain.evaluation.base import Array, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observers.base import Observer, ObserverContext, forgets
from untrain.maths.representation_distance import cka, distances
from untrain.models.features import features
from untrain.models.inference import logits

_WEAK = (
    "what the units of independently trained networks compute is not aligned, so that two retrained models lie far apart too: "
    "read it next to its floor"
)
_TURNED = "says how alike the features are up to rotation and scale; models that answer alike can differ in it, and the reverse"


def _abouts() -> dict[str, ScoreInfo]:
    made = {}
    for side, tail in (("forget", ""), ("test", "_test")):
        far = "Euclidean distance of an unlearned model's activations on an example to a retrained model's, mean over the"
        alike = (
            "linear CKA (1: the same but for a turn and a scale) of an unlearned model's activations and a retrained model's on the"
        )
        floor = "the floor: retrained models against each other"
        made[f"activation_distance{tail}"] = ScoreInfo(
            f"{far} {side} set and over all pairs of models", "activation", floor, _WEAK, high=math.inf
        )
        made[f"activation_cka{tail}"] = ScoreInfo(
            f"{alike} {side} set, mean over all pairs of models", "similarity", floor, _TURNED
        )
    return made


class Activations(Observer):
    """Mean of ``|a_unlearned(x) - a_retrained(x)|`` over the forget set and all pairs of models, and their linear CKA.

    Args:
        at: whose activations: 'penultimate' for what the classifier head sees, 'probabilities' for what it makes of it.
        most: examples a side that are looked at, the first ones.

    Source: Golatkar et al. 2021, arXiv 2012.13431, and Chundawat et al. 2023, arXiv 2205.08096 (activation distance; their
        published code takes it between probabilities); Kornblith et al. 2019, arXiv 1905.00414 (linear CKA).
    """

    at: Literal["penultimate", "probabilities"] = "penultimate"
    most: Count = 1000

    scores: ClassVar[Mapping[str, ScoreInfo]] = _abouts()

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Activations on the forget set, then on the test set, (n, d)."""
        found = []
        for side in (sight.forget, sight.test):
            some = take(side, np.arange(min(len(side), self.most)))
            if self.at == "penultimate":
                found.append(features(model, some, sight.task))
            else:
                found.append(softmax(logits(model, some, sight.task), axis=1))
        return np.concatenate(found)

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Both scores of both sides; rows are unlearned models, each held against all retrained ones."""
        cut = forgets(trial, self.most)
        found: dict[str, Measured | str] = {}
        for tail, side, here in (("", "forget", slice(cut)), ("_test", "test", slice(cut, None))):
            ours, theirs = trial.unlearned[:, here], trial.oracle[:, here]
            if not ours.shape[1]:
                found[f"activation_distance{tail}"] = found[f"activation_cka{tail}"] = f"there are no {side} examples"
                continue
            far, alike = distances(ours, theirs), cka(ours, theirs).mean(1, keepdims=True)
            found[f"activation_distance{tail}"] = Measure((Part(1, "unlearned", side, far),), joint=True)
            found[f"activation_cka{tail}"] = Measure((Part(1, "unlearned", side, alike),), joint=True)
        return found
