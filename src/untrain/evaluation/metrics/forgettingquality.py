"""The forgetting quality of the NeurIPS 2023 challenge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.maths.bounds import points
from untrain.maths.decision_rules import Zeros, rule_epsilons

_POINTS = "mean over the forget set of 2 ** -floor(2 epsilon), epsilon the largest that any threshold or interval shows"
_MANY = "takes the best of thousands of rules on the samples that it is measured on, so it never says 'equal' with few models"
_EACH = "each rule's bound holds by itself, not for the best of them"


class ForgettingQuality(Evaluator):
    """Points for each forget example by how well its margins separate N unlearned from N retrained models, averaged.

    As many oracles are used as there are unlearned models.

    Args:
        delta: slack of the privacy bound.
        least: fewest models of each kind for which a value is given.
        reference: whether to drop rules of which exactly one error rate is 0, as in the published code.

    Source: Triantafillou et al. 2024, arXiv 2406.09073; google-deepmind/unlearning_evaluation, metric.py.
    Departs: where one error rate of a rule is 0 it counts as 1 / N, where the published code drops the rule; an example
        without any rule that counts has epsilon 0, where that code fails.
    """

    delta: Annotated[float, Field(ge=0, lt=1)] = 1e-5
    least: Annotated[int, Field(ge=3)] = 50
    reference: bool = False

    needs: ClassVar[frozenset[str]] = frozenset({"margin", "spread"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "forgetting_quality": ScoreInfo(_POINTS, "points", "1; with few models no better than its floor", _MANY),
        "forgetting_quality_bound": ScoreInfo(
            f"{_POINTS}, from upper bounds on both error rates that hold with 97.5 % each (Clopper and Pearson)",
            "points", "1", _EACH,
        ),
        "forgetting_epsilon": ScoreInfo(
            "mean over the forget set of the largest epsilon that any threshold or interval shows, at most 50 each",
            "nats", "0; with few models no better than its floor", _MANY, high=50.0,
        ),
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Margins, (m, n)."""
        return observation.signal("margin")

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Points, points from bounds, and epsilon."""
        count, on_forget = len(trial.unlearned), trial.side == "forget"
        if count < self.least or len(trial.oracle) < count:
            counts = f"N is {count} unlearned and {len(trial.oracle)} oracle models; at least {self.least} of each are needed, and "
            return dict.fromkeys(self.scores, f"{counts}as many oracles as unlearned")
        ours, theirs = trial.unlearned[:, on_forget], trial.oracle[:count, on_forget]
        if not on_forget.any():
            return dict.fromkeys(self.scores, "there are no forget examples")
        if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
            return dict.fromkeys(self.scores, "certainty is not finite on some forget examples")
        zeros: Zeros = "reference" if self.reference else "least"
        eps, bound = rule_epsilons(ours, theirs, self.delta, (zeros, "bound"))
        tables = (points(eps, count), points(bound, count), eps)
        return {n: Measure((Part(1, "both", "forget", t[None]),)) for n, t in zip(self.scores, tables, strict=True)}
