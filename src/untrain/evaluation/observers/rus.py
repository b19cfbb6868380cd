"""Likeness of representations to those of the original and of retrained models, as one score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from torch import nn

from untrain.core.fields import Count
from untrain.data.examples import take
from untrain.evaluation.base import Array, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observers.base import Observer, ObserverContext, forgets
from untrain.maths.representation_distance import cka
from untrain.models.features import features

_FEW = "where examples are fewer than features, any two networks are alike: read it next to the oracles' value and its floor"
_FLOOR = "the floor: retrained models against each other"


class RUS(Observer):
    """``2 a b / (a + b)``: a measures how far the features of the forget set have changed, b how far those of others have not.

    ``rus_original`` holds a model against its original, the one whose features are most like its own: a is 1 less the linear CKA
    on the forget set, b the CKA on other examples. ``rus_retrained`` holds it against each retrained model, and a is the CKA on the
    forget set. Features are the inputs of the classifier head. Other examples are test examples of classes that the forget set
    lacks, or where it has all classes, all test examples. A method that changes the head alone has the scores of the original.

    Args:
        most: examples per side that count, the first ones.

    Source: Le et al. 2025, POUR, arXiv 2511.19339 (representation unlearning score), by third parties' accounts of the text and
        their code, as the authors' was not available; Kornblith et al. 2019, arXiv 1905.00414 (linear CKA).
    Departs: other examples are test examples, where the source has those that stay; it has one original and one retrained model.
    """

    most: Count = 1000

    needs: ClassVar[frozenset[str]] = frozenset({"classes"})
    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "original_cka_forget": ScoreInfo(
            "linear CKA (1: the same up to rotation and scale) of an unlearned model's features and its original's, forget set",
            "similarity", "the oracles' value", _FEW,
        ),
        "original_cka_other": ScoreInfo(
            "linear CKA of an unlearned model's features and its original's on test examples of classes that the forget set lacks, "
            "of all where it lacks none", "similarity", "the oracles' value", _FEW,
        ),
        "rus_original": ScoreInfo(
            "harmonic mean of 1 less the CKA to the original on the forget set, and of the CKA to the original on other examples",
            "score", "the oracles' value", _FEW,
        ),
        "rus_retrained": ScoreInfo(
            "harmonic mean of the CKAs to a retrained model on the forget set and on other examples, mean over all pairs of models",
            "score", _FLOOR, _FEW,
        ),
    }  # fmt: skip

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Features, and whether an example is an 'other' one: of forget, then of test examples, (n, d + 1)."""
        forget, test = (take(side, np.arange(min(len(side), self.most))) for side in (sight.forget, sight.test))
        lacks = ~np.isin(test.y[:].cpu().numpy(), sight.forget.y[:].cpu().numpy())
        others = np.concatenate([np.zeros(len(forget), bool), lacks if lacks.any() else np.ones(len(test), bool)])
        shown = [features(model, side, sight.task) for side in (forget, test) if len(side)]
        return np.column_stack([np.concatenate(shown), others])

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Likeness to the original on both kinds of examples, and both forms of the score."""
        cut, other = forgets(trial, self.most), trial.unlearned[0, :, -1] > 0
        if not cut or not other.any():
            return dict.fromkeys(self.scores, f"there are no {'test' if cut else 'forget'} examples")
        ours, theirs = trial.unlearned[..., :-1], trial.oracle[..., :-1]
        pairs = harmonic(cka(ours[:, :cut], theirs[:, :cut]), cka(ours[:, other], theirs[:, other]))
        retrained = Measure((Part(1, "unlearned", "models", pairs.mean(1, keepdims=True)),), joint=True)
        if trial.original is None:
            reason = "there are no original models to compare features with"
            return dict.fromkeys(self.scores, reason) | {"rus_retrained": retrained}
        first = trial.original[..., :-1]
        nearest = cka(ours, first).argmax(1)[:, None]
        forget, rest = (np.take_along_axis(cka(ours[:, at], first[:, at]), nearest, 1) for at in (np.arange(cut), other))
        values = {"original_cka_forget": forget, "original_cka_other": rest, "rus_original": harmonic(1 - forget, rest)}
        scores = {name: Measure((Part(1, "unlearned", "models", value),)) for name, value in values.items()}
        return scores | {"rus_retrained": retrained}


def harmonic(a: Array, b: Array) -> Array:
    """Harmonic mean; 0 where both are 0.

    >>> harmonic(np.array([0.5, 0.0]), np.array([1.0, 0.0])).round(3).tolist()
    [0.667, 0.0]
    """
    return np.asarray(2 * a * b / np.maximum(a + b, 1e-300))
