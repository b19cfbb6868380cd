"""The likelihood-ratio attack on unlearning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from untrain.core.fields import Positive
from untrain.evaluation.attacks._held_out import HeldOutScores, abouts
from untrain.evaluation.base import Array, Curve, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo, Splits
from untrain.evaluation.observation import Observation
from untrain.maths.likelihood_ratio import FLOOR, Variance, calls, in_sample, leave_one_out, ulira

_WEAK = "needs several unlearned models; says that they differ from oracles and not in which direction; weak where models are few"
_ODD = "betrays: one forget example separates an unlearned model from a retrained one better than chance, whatever the direction"
_BIASED = "biased: two equal populations of ten models score 0.61; for demonstration and for reading published tables only"
_STRONG = "a true-positive rate, which a model that calls everything unlearned has too; biased where models are few"
_LEAST = 3


def _abouts() -> dict[str, ScoreInfo]:
    texts = abouts("mia_ulira", "U-LiRA", _WEAK, tested="")
    name = "mia_ulira_accuracy"
    accuracy = ScoreInfo(texts[name].means, "fraction", "0.5", _WEAK, above=_ODD, margin=0.05)
    rates = {
        "tpr": "share of forget examples on unlearned models that U-LiRA rightly calls unlearned, on models held out of its fits",
        "tnr": "share of forget examples on oracles that U-LiRA rightly calls never seen, on models held out of its fits",
    }
    texts |= {name: accuracy} | {
        f"mia_ulira_{n}": ScoreInfo(t, "fraction", "0.5 where fits are alike", _WEAK) for n, t in rates.items()
    }
    strong = "share of forget examples on unlearned models that U-LiRA calls unlearned, each left out of the fit of its kind alone"
    texts["mia_ulira_strong"] = ScoreInfo(strong, "fraction", "0.5", _STRONG)
    demo = "share of forget examples on unlearned models that U-LiRA calls unlearned, on the very models that it was fitted on"
    texts["mia_ulira_in_sample"] = ScoreInfo(demo, "fraction", "what equal populations score: above 0.5", _BIASED)
    return texts


class ULiRA(Evaluator):
    """Classify each margin as an unlearned or a retrained model's, by Gaussians over models of both kinds.

    The non-members are the same forget examples on oracles. Both kinds are cut into the same number of folds, models are
    scored by fits without their fold, and each fold weighs as much on one side as on the other: if unlearned models are like
    oracles the balanced accuracy is one half on average, whatever was fitted and however few models there are.

    Args:
        form: 'disjoint' holds out models of both kinds; 'strong' leaves one unlearned model out at a time and gives a
            true-positive rate; 'in_sample' scores models by fits that include them, to show the bias.
        variance: 'example' fits each example's own variance, 'global' one over all, 'auto' the latter below 64 models.
        floor: least standard deviation of a fit, in nats.
        parts: number of folds.

    Source: Hayes et al. 2024, arXiv 2403.01218; with one forget set as in the code of Rinberg et al. 2024, arXiv 2410.23232.
    Departs: a balanced accuracy with targets disjoint from shadows and a variance floor, where published forms give a
        true-positive rate ('strong') or are scored in-sample; forget examples alone, not as many others.
    """

    form: Literal["disjoint", "strong", "in_sample"] = "disjoint"
    variance: Variance = "auto"
    floor: Positive = FLOOR
    parts: Annotated[int, Field(ge=2)] = 10

    needs: ClassVar[frozenset[str]] = frozenset({"margin", "spread"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = _abouts()

    def prepare(self, observation: Observation) -> Array:
        """Margins, (m, n)."""
        return observation.signal("margin")

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Balanced accuracy, both rates, area and rates at low false-positive rates; or the one rate of another form."""
        attack = self._attack(trial)
        if isinstance(attack, str):
            return dict.fromkeys(self.scores, attack)
        scores: dict[str, Measured | str] = {n: f"only ULiRA(form={_form(n)!r}) gives it" for n in self.scores}
        if self.form == "disjoint":
            rates = {f"mia_ulira_{name}": m for name, m in attack.accuracy().items()}
            return scores | attack.measures("mia_ulira", trial.asks) | rates
        one = Measure((Part(1, "unlearned", "forget", calls(attack.ours)),), joint=True)
        return scores | {f"mia_ulira_{self.form}": one}

    def in_splits(self, splits: Splits) -> dict[str, Array] | None:
        """The balanced accuracy."""
        on_forget = splits.like.side == "forget"
        asked = splits.asks_only("mia_ulira_accuracy") and self.form == "disjoint"
        if not asked or min(splits.ours.shape[1], splits.theirs.shape[1]) < _LEAST or not on_forget.any():
            return None
        margins, found = splits.pool[:, on_forget], []
        for block in splits.blocks(margins.shape[1]):
            scores = ulira(margins[block.ours], margins[block.theirs], self.parts, self.variance, self.floor)
            true_negatives = scores.share[..., None] * (1 - calls(scores.oracle))
            found.append((calls(scores.unlearned).mean((1, 2)) + true_negatives.mean((1, 2))) / 2)
        return {"mia_ulira_accuracy": np.concatenate(found)}

    def curves(self, trial: Prepared) -> dict[str, Curve]:
        """The ROC curve; only the disjoint form holds out models of both kinds."""
        attack = self._attack(trial)
        return {} if isinstance(attack, str) or self.form != "disjoint" else {"mia_ulira": attack.curve("U-LiRA")}

    def _attack(self, trial: Prepared) -> HeldOutScores | str:
        on_forget = trial.side == "forget"
        m, k = len(trial.unlearned), len(trial.oracle)
        if min(m, k) < _LEAST or not on_forget.any():
            counts = f"{m} unlearned and {k} oracle models on {int(on_forget.sum())} forget examples"
            return f"{counts}: at least {_LEAST} of each are needed"
        ours, theirs = trial.unlearned[:, on_forget], trial.oracle[:, on_forget]
        if self.form == "disjoint":
            scores = ulira(ours, theirs, self.parts, self.variance, self.floor)
            return HeldOutScores(scores.unlearned, scores.oracle, scores.folds)
        scored = (leave_one_out if self.form == "strong" else in_sample)(ours, theirs, self.variance, self.floor)
        return HeldOutScores(scored, np.empty((0, scored.shape[1])), (np.zeros(m), np.empty(0)))


def _form(name: str) -> str:
    """The form of the attack that computes a score."""
    form = name.removeprefix("mia_ulira_")
    return form if form in ("strong", "in_sample") else "disjoint"
