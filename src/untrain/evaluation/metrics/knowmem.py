"""Knowledge of documents that a model still shows on questions about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.metrics._probes import any_correct, mean_probability
from untrain.evaluation.observation import SIDES, Observation

_KNOWN = "mean probability of the answers to the questions about a document, each the geometric mean over its tokens"
_WEAK = "questions are of a form that documents may not have: retrained models and the originals say how much that costs"


class KnowMem(Evaluator):
    """Probability of the answers to questions about documents, and whether one is said word by word.

    It needs the probe 'knowledge', of questions with the ids of the documents that they are about.

    Source: Shi et al. 2024, arXiv 2407.06460 (MUSE, KnowMem).
    Departs: probabilities of answers, where theirs is ROUGE-L of answers that are drawn.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"loss", "correct", "probe:knowledge"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "knowmem_forget": ScoreInfo(
            f"{_KNOWN}, mean over the forget set", "probability", "the oracles' value", _WEAK, margin=0.02,
            above="remembers: answers about forgotten documents are likelier than after retraining",
            below="over-forgets: answers about forgotten documents are less likely than after retraining",
        ),
        "knowmem_retain": ScoreInfo(
            f"{_KNOWN}, mean over the retain set", "probability", "the oracles' value", _WEAK, margin=0.02,
            below="loses utility: answers about documents to be kept are less likely than after retraining",
        ),
        "knowmem_test": ScoreInfo(f"{_KNOWN}, mean over the test set", "probability", "the oracles' value", _WEAK),
        "knowmem_said": ScoreInfo(
            "share of forgotten documents of which the answer to some question is, token by token, the likeliest", "fraction",
            "the oracles' value", "an answer in other words counts as none; documents with many questions count more easily",
        ),
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Probability of the answers about each document, and whether one is said, (m, n, 2); NaN where there are no questions."""
        return np.stack([mean_probability(observation, "knowledge"), any_correct(observation, "knowledge")], axis=-1)

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The mean on each side, and the share of documents of which an answer is said."""
        asked = ~np.isnan(trial.oracle).any((0, 2))
        scores: dict[str, Measured | str] = {}
        for name, side, at in (*((f"knowmem_{side}", side, 0) for side in SIDES), ("knowmem_said", "forget", 1)):
            here = asked & (trial.side == side)
            part = Part(1, "unlearned", side, trial.unlearned[:, here, at])
            scores[name] = Measure((part,)) if here.any() else f"there are no questions about the {side} documents"
        return scores
