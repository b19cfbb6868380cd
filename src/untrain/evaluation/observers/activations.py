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
    "units of independently trained networks are not aligned, so two retrained models lie far apart too: read it next to its floor"
)
_TURNED = "compares features up to rotation and scale; models with the same predictions can differ in it, and the reverse"


def _abouts() -> dict[str, ScoreInfo]:
    texts = {}
    for side, tail in (("forget", ""), ("test", "_test")):
        far = "Euclidean distance of an unlearned model's activations on an example to a retrained model's, mean over the"
        alike = (
            "linear CKA (1: the same up to rotation and scale) of an unlearned model's activations and a retrained model's on the"
        )
        floor = "the floor: retrained models against each other"
        texts[f"activation_distance{tail}"] = ScoreInfo(
            f"{far} {side} set and over all pairs of models", "activation", floor, _WEAK, high=math.inf
        )
        texts[f"activation_cka{tail}"] = ScoreInfo(
            f"{alike} {side} set, mean over all pairs of models", "similarity", floor, _TURNED
        )
    return texts


class Activations(Observer):
    """Mean of ``|a_unlearned(x) - a_retrained(x)|`` over the forget set and all pairs of models, and their linear CKA.

    Args:
        at: which activations: 'penultimate' for the inputs of the classifier head, 'probabilities' for the softmax of its outputs.
        most: examples per side that count, the first ones.

    Source: Golatkar et al. 2021, arXiv 2012.13431, and Chundawat et al. 2023, arXiv 2205.08096 (activation distance; their
        published code takes it between probabilities); Kornblith et al. 2019, arXiv 1905.00414 (linear CKA).
    """

    at: Literal["penultimate", "probabilities"] = "penultimate"
    most: Count = 1000

    scores: ClassVar[Mapping[str, ScoreInfo]] = _abouts()

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Activations on the forget set, then on the test set, (n, d)."""
        activations = []
        for side in (sight.forget, sight.test):
            some = take(side, np.arange(min(len(side), self.most)))
            if self.at == "penultimate":
                activations.append(features(model, some, sight.task))
            else:
                activations.append(softmax(logits(model, some, sight.task), axis=1))
        return np.concatenate(activations)

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Both scores of both sides; rows are unlearned models, each compared with all retrained ones."""
        cut = forgets(trial, self.most)
        scores: dict[str, Measured | str] = {}
        for tail, side, at in (("", "forget", slice(cut)), ("_test", "test", slice(cut, None))):
            ours, theirs = trial.unlearned[:, at], trial.oracle[:, at]
            if not ours.shape[1]:
                scores[f"activation_distance{tail}"] = scores[f"activation_cka{tail}"] = f"there are no {side} examples"
                continue
            far, alike = distances(ours, theirs), cka(ours, theirs).mean(1, keepdims=True)
            scores[f"activation_distance{tail}"] = Measure((Part(1, "unlearned", side, far),), joint=True)
            scores[f"activation_cka{tail}"] = Measure((Part(1, "unlearned", side, alike),), joint=True)
        return scores
