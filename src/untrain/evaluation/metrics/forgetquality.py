"""TOFU's forget quality: are truth ratios on the forget set distributed as those of retrained models?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.metrics._probes import log_truth_ratio
from untrain.evaluation.observation import Observation
from untrain.maths.kolmogorov_smirnov import distance, log_p_values

_WEAK = (
    "a large p-value is not evidence of forgetting: with few examples any two models pass, and two retrained models of other seeds "
    "need not; read it next to the floor"
)
_TEST = (
    "p-value of the two-sample Kolmogorov-Smirnov test between truth ratios on the forget set of an unlearned and a retrained model"
)


class ForgetQuality(Evaluator):
    """The p-value of a test that truth ratios on the forget set are distributed as those of a retrained model.

    The paper compares one model with one; here it is the mean over all pairs, and the floor is what retrained models have among
    themselves. It needs the probes 'paraphrase' and 'perturbed', as ``TruthRatio`` does.

    Source: Maini et al. 2024, arXiv 2401.06121 (TOFU), section 2.2.2.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"loss", "probe:paraphrase", "probe:perturbed"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "forget_quality": ScoreInfo(f"{_TEST}, mean over pairs", "probability", "the oracles' value", _WEAK),
        "forget_quality_log10": ScoreInfo(
            f"decimal logarithm of the {_TEST}, mean over pairs", "decades", "the oracles' value", _WEAK, low=-np.inf, high=0.0
        ),
    }

    def prepare(self, observation: Observation) -> Array:
        """Logarithm of the truth ratio, (m, n); NaN on an example without a paraphrase or without wrong answers."""
        return log_truth_ratio(observation)

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The p-value and its logarithm."""
        here = (trial.side == "forget") & ~np.isnan(trial.oracle).any(0)
        n = int(here.sum())
        if not n:
            return dict.fromkeys(self.scores, "no forget example comes with a question in other words and wrong answers")
        known = log_p_values(n)
        ours, theirs = (np.sort(table[:, here], axis=1) for table in (trial.unlearned, trial.oracle))
        logs = np.array([[known[distance(one, other)] for other in theirs] for one in ours])
        values = {"forget_quality": np.exp(logs).mean(1), "forget_quality_log10": logs.mean(1) / np.log(10)}
        return {
            name: Measure((Part(1, "unlearned", "forget", np.repeat(each[:, None], n, 1)),), joint=True)
            for name, each in values.items()
        }
