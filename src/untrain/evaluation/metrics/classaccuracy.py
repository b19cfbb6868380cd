"""Accuracy on the test examples of forgotten classes, or parts of classes, and on all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import Observation

_WEAK = (
    "only for requests of classes or by a rule; shows whether predictions are right, not whether something else reveals the part"
)
_WHERE = "where the request is of whole classes, or by a rule that test examples meet"
_MARGIN = 0.02  # of accuracy, either way


def _abouts() -> dict[str, ScoreInfo]:
    texts = {}
    for which, whose, harm, good in (
        ("forgotten", "of what is forgotten", "over-forgets: ", "remembers: "),
        ("staying", "of what stays", "loses utility: ", ""),
    ):
        name = f"test_{which}_accuracy"
        apart = f"of the test examples {whose} is predicted right than after retraining"
        texts[name] = ScoreInfo(
            f"share of the test examples {whose} that is predicted right, {_WHERE}", "fraction",
            "the oracles' value", _WEAK, below=f"{harm}less {apart}", above=f"{good}more {apart}", margin=_MARGIN,
        )  # fmt: skip
        gap = f"oracles' accuracy on the test examples {whose} minus the unlearned models', {_WHERE}"
        texts[f"test_{which}_gap"] = ScoreInfo(gap, "fraction", "0", _WEAK, low=-1.0, verdict_of=name)
    return texts


class ClassAccuracy(Evaluator):
    """Accuracy on test examples of the forgotten classes and of all others; ``oracle - unlearned`` for each.

    For requests of whole classes: the forget set has all training examples of its classes. A class that is gone has no
    example among those that stay, and so the retain set cannot show whether it is still predicted; test examples can. And for
    requests by a rule, such as ``Where("fine_label == 23")``: test examples for which the rule holds count as forgotten.

    Source: Cotogni et al. 2023 (DUCK), arXiv 2312.02052: test accuracy on the forgotten and on the retained classes.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"correct", "classes"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = _abouts()

    def prepare(self, observation: Observation) -> Array:
        """Correctness, and 1 where an example is of a class that is forgotten whole, or meets the rule: (m, n, 2)."""
        right = observation.signal("correct")
        return np.stack([right, np.broadcast_to(observation.in_forgotten_part, right.shape)], axis=-1)

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Accuracy and gap on either kind of test examples."""
        gone = trial.unlearned[0, :, 1] > 0
        reason = cannot_part(trial.side, gone)
        if reason:
            return dict.fromkeys(self.scores, reason)
        scores: dict[str, Measured | str] = {}
        for which, at in (("forgotten", gone), ("staying", ~gone)):
            at = at & (trial.side == "test")
            ours, theirs = trial.unlearned[:, at, 0], trial.oracle[:, at, 0]
            scores[f"test_{which}_accuracy"] = Measure((Part(1, "unlearned", "test", ours),))
            scores[f"test_{which}_gap"] = Measure((Part(1, "oracle", "test", theirs), Part(-1, "unlearned", "test", ours)))
        return scores


def cannot_part(side: Array, gone: Array) -> str:
    """Return why test examples cannot be split into those of what is forgotten and others; empty where they can.

    >>> cannot_part(np.array(["forget", "retain", "test", "test"]), np.array([True, False, True, False]))
    ''

    Args:
        side: of each example, (n,).
        gone: whether its class is in the forget set and not in the retain set, or a rule that forgets holds for it, (n,).
    """
    if not gone[side == "forget"].all():
        return "the request is not of whole classes: some class of the forget set stays in the retain set"
    of_test = gone[side == "test"]
    return "" if of_test.any() and not of_test.all() else "the test set lacks what is forgotten, or all else"
