"""A model's replies to the same questions in other words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.metrics._probes import least_loss
from untrain.evaluation.observation import Observation

_BEST = "probability of the answer under that of several prompts in other words under which it is likeliest"
_WEAK = "prompts that nobody tried may do more; the more prompts, the higher the best of them, of retrained models too"


class Reworded(Evaluator):
    """Probability of the true answers when their questions come in other words, the best prompt of each counting.

    It needs the probe 'reworded': the same answers behind other prompts, such as paraphrases, injected prefixes and translations,
    with the ids of the examples that they are about.

    Source: Jin et al. 2024, arXiv 2406.10890 (RWKU, adversarial probes); Patil et al. 2023, arXiv 2309.17410 (best of several).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"loss", "probe:reworded"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "reworded_forget": ScoreInfo(
            f"{_BEST}, mean over the forget set", "probability", "the oracles' value", _WEAK, margin=0.02,
            above="hides: asked in other words it knows more than retrained models",
        ),
        "reworded_gain": ScoreInfo(
            f"{_BEST}, less that under the question as it was learned, mean over the forget set", "probability",
            "the oracles' value", _WEAK, low=-1.0,
        ),
        "reworded_retain": ScoreInfo(f"{_BEST}, mean over the retain set", "probability", "the oracles' value", _WEAK),
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Probability as it was learned, and under the best prompt, (m, n, 2); NaN on an example that no prompt is about."""
        return np.stack([np.exp(-np.asarray(observation.signal("loss"), dtype=np.float64)),
                         np.exp(-least_loss(observation, "reworded"))], axis=-1)  # fmt: skip

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The mean on the forget and the retain set, and what other words gain."""
        known = ~np.isnan(trial.oracle).any((0, 2))
        scores: dict[str, Measured | str] = {}
        for side in ("forget", "retain"):
            here = known & (trial.side == side)
            plain, best = (Part(sign, "unlearned", side, trial.unlearned[:, here, at]) for at, sign in enumerate((-1, 1)))
            none = f"no {side} example comes with a question in other words"
            scores[f"reworded_{side}"] = Measure((best,)) if here.any() else none
            if side == "forget":
                scores["reworded_gain"] = Measure((best, plain)) if here.any() else none
        return scores
