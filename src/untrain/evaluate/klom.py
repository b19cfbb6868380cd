"""KL divergence of margins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from untrain.core.evaluator import About, Array, Evaluator, Measure, Measured, Part, Prepared
from untrain.core.records import SIDES, Observation
from untrain.core.steps import Count, Positive
from untrain.maths.divergence import histogram_kl
from untrain.maths.logits import margins

_IDEAL = "0; with few models no better than its floor can be had"
_WEAK = "strongly biased when models are few: read it next to its floor, and never across numbers of models"


def _abouts() -> dict[str, About]:
    made: dict[str, About] = {}
    for side in SIDES:
        text = f"KL of the margins' histogram over models, unlearned against oracle, mean over the {side} set"
        texts = {
            f"klom_{side}": text,
            f"klom_{side}_p95": text.replace("mean", "95th percentile"),
            f"klom_{side}_reverse": text.replace("unlearned against oracle", "oracle against unlearned"),
        }
        made |= {name: About(told, "nats", _IDEAL, _WEAK, high=float("inf")) for name, told in texts.items()}
    return made


class KLoM(Evaluator):
    """``KL(histogram of margins, unlearned || histogram of margins, oracle)`` over models, example by example.

    As many oracles are used as there are unlearned models.

    Args:
        bins: number of intervals.
        clip: bound on the margins.
        least: fewest models of each kind for which a value is given.

    Source: Rinberg et al. 2024, arXiv 2410.23232, section 4.
    Departs: the largest sample is counted, where all three published versions drop it.
    """

    bins: Count = 20
    clip: Positive = 100.0
    least: Count = 20

    scores: ClassVar[Mapping[str, About]] = _abouts()

    def prepare(self, seen: Observation) -> Array:
        """Margins, (m, n)."""
        return margins(seen.logits, seen.labels)

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Mean and 95th percentile of each side, and the mean with arguments reversed."""
        count = len(trial.unlearned)
        if count < self.least or len(trial.oracle) < count:
            told = f"{count} unlearned and {len(trial.oracle)} oracle models; at least {self.least} of each are needed, and "
            told += "as many oracles as unlearned"
            return dict.fromkeys(self.scores, told)
        found: dict[str, Measured | str] = {}
        for side in SIDES:
            here = trial.side == side
            names = [f"klom_{side}", f"klom_{side}_p95", f"klom_{side}_reverse"]
            if not here.any():
                found |= dict.fromkeys(names, f"there are no {side} examples")
                continue
            ours, theirs = trial.unlearned[:, here], trial.oracle[:count, here]
            there = histogram_kl(ours, theirs, self.bins, self.clip)[None]
            back = histogram_kl(theirs, ours, self.bins, self.clip)[None]
            found[names[0]] = Measure((Part(1, "both", side, there),))
            found[names[1]] = Measure((Part(1, "both", side, there),), quantile=0.95)
            found[names[2]] = Measure((Part(1, "both", side, back),))
        return found
