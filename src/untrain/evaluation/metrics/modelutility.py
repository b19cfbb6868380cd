"""TOFU's model utility: one number for what is left of all that was to be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Formula, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.metrics._probes import log_truth_ratio
from untrain.evaluation.observation import Observation
from untrain.maths.harmonic import harmonic_mean


class ModelUtility(Evaluator):
    """Harmonic mean of three scores on the retain set: probability of the answers, share of their tokens that are hit, truth ratio.

    Near 0 where any of them is. It needs the probes 'paraphrase' and 'perturbed', as ``TruthRatio`` does; the three are over those
    examples of the retain set that have both.

    Source: Maini et al. 2024, arXiv 2401.06121 (TOFU), section 2.2.1.
    Departs: theirs has nine, the three on real authors and on world facts too, which no network knows that was trained from
        scratch; the share of tokens that are likeliest after the true ones stands for ROUGE, which takes generation and is an
        observer here.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"loss", "hits", "count", "probe:paraphrase", "probe:perturbed"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "model_utility": ScoreInfo(
            "harmonic mean, on the retain set, of the probability of answers, the share of their tokens that are the likeliest "
            "after the true ones before, and the truth ratio max(0, 1 - r)",
            "fraction", "the oracles' value", "three scores of one set; says nothing of what else the model could do",
            below="loses utility: less of what was to be kept is left than after retraining", margin=0.02,
        )
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Probability, share of hits and truth ratio of each example, (m, n, 3); NaN where there is no ratio."""
        p = np.exp(-np.asarray(observation.signal("loss"), dtype=np.float64))
        hits = np.asarray(observation.outputs["hits"]) / np.asarray(observation.outputs["count"], dtype=np.float64)
        ratio = log_truth_ratio(observation)
        return np.stack([p, hits, np.maximum(0.0, -np.expm1(np.minimum(ratio, 0.0)))], axis=-1)

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The harmonic mean of the three means."""
        here = (trial.side == "retain") & ~np.isnan(trial.oracle).any((0, 2))
        if not here.any():
            return {"model_utility": "no retain example comes with a question in other words and wrong answers"}
        terms = tuple(Measure((Part(1, "unlearned", "retain", trial.unlearned[:, here, at]),)) for at in range(3))
        return {"model_utility": Formula(terms, harmonic_mean)}
