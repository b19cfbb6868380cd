"""The share of an answer that a model says word by word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import SIDES, Observation

_EXACT = "share of an answer's tokens that are the likeliest after the true ones before them, mean over the {} set"
_STRENGTH = "share of an answer that the model ends by itself without a wrong token, given what is before, mean over the {} set"
_WEAK = "the true tokens are given: a model that is never shown them may say something else from the first token on"
_ABOVE = "remembers: more of the forget set is said word by word than after retraining"
_BELOW = {"forget": "over-forgets: less of the forget set is said word by word than after retraining"}
_MARGIN = 0.02


def _abouts() -> dict[str, ScoreInfo]:
    texts = {}
    for name, means in (("exact_memorization", _EXACT), ("extraction_strength", _STRENGTH)):
        for side in SIDES:
            tested = {"above": _ABOVE, "below": _BELOW["forget"], "margin": _MARGIN} if side == "forget" else {}
            texts[f"{name}_{side}"] = ScoreInfo(means.format(side), "fraction", "the oracles' value", _WEAK, **tested)  # type: ignore[arg-type]
    return texts


class Verbatim(Evaluator):
    """Exact memorization and extraction strength of answers, for language models.

    Source: Tirumala et al. 2022, arXiv 2205.10770 (exact memorization); Carlini et al. 2021, arXiv 2012.07805 (extraction
        strength), as in the code locuslab/open-unlearning@d3d7cf9.
    Departs: where no token at the end is right the strength is 0, where that code's least value is one over the length.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"hits", "suffix", "count"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = _abouts()

    def prepare(self, observation: Observation) -> Array:
        """Shares of tokens that are hit, and that end the answer unbroken, (m, n, 2)."""
        count = np.asarray(observation.outputs["count"], dtype=np.float64)
        return np.stack([np.asarray(observation.outputs[name]) / count for name in ("hits", "suffix")], axis=-1)

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The mean of each on each side."""
        scores: dict[str, Measured | str] = {}
        for at, name in enumerate(("exact_memorization", "extraction_strength")):
            for side in SIDES:
                here = trial.side == side
                part = Part(1, "unlearned", side, trial.unlearned[:, here, at])
                scores[f"{name}_{side}"] = Measure((part,)) if here.any() else f"there are no {side} examples"
        return scores
