"""KL divergence of margins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from untrain.core.fields import Count, Positive
from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import SIDES, Observation
from untrain.maths.divergence import Bins, histogram_kl

_IDEAL = "0; with few models no better than its floor"
_WEAK = "strongly biased when models are few: read it next to its floor, and never across numbers of models"
_APART = "certainty on the forget set is distributed over models otherwise than retraining distributes it"


def _abouts() -> dict[str, ScoreInfo]:
    texts: dict[str, ScoreInfo] = {}
    for side in SIDES:
        for suffix, direction in (("", "unlearned against oracle"), ("_reverse", "oracle against unlearned")):
            for kind, what in (("", "mean"), ("_p95", "95th percentile")):
                means = f"KL of certainty's histogram over models, {direction}, {what} over the {side} set"
                tested = side == "forget" and not suffix and not kind
                texts[f"klom_{side}{suffix}{kind}"] = ScoreInfo(
                    means, "nats", _IDEAL, _WEAK, high=math.log(1 / Bins().least),
                    above=_APART if side == "forget" else "", margin=0.1 if tested else None,
                )  # fmt: skip
    return texts


class KLoM(Evaluator):
    """``KL(histogram of margins, unlearned || histogram of margins, oracle)`` over models, example by example.

    As many oracles are used as there are unlearned models.

    Args:
        bins: number of intervals.
        clip: bound on the margins.
        least: fewest models of each kind for which a value is given.
        binning: the 'kept' maximum is in the last interval; 'paper', 'bench' and 'easydub' repeat published code.

    Source: Rinberg et al. 2024, arXiv 2410.23232, section 4.
    Departs: the largest sample is counted, where all three published versions drop it. So models that collapse to one
        value above all oracles score 11.5, not nothing.
    """

    bins: Count = 20
    clip: Positive = 100.0
    least: Count = 50
    binning: Literal["kept", "paper", "bench", "easydub"] = "kept"

    needs: ClassVar[frozenset[str]] = frozenset({"margin", "spread"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = _abouts()

    def prepare(self, observation: Observation) -> Array:
        """Margins, (m, n)."""
        return observation.signal("margin")

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Mean and 95th percentile of each side, in both directions."""
        count = len(trial.unlearned)
        if count < self.least or len(trial.oracle) < count:
            reason = f"N is {count} unlearned and {len(trial.oracle)} oracle models; at least {self.least} of each are needed, and "
            reason += "as many oracles as unlearned"
            return dict.fromkeys(self.scores, reason)
        scores: dict[str, Measured | str] = {}
        for side in SIDES:
            on_side = trial.side == side
            names = [f"klom_{side}{suffix}" for suffix in ("", "_reverse")]
            tables = self._tables(trial.unlearned[:, on_side], trial.oracle[:count, on_side]) if on_side.any() else [None, None]
            for name, table in zip(names, tables, strict=True):
                lost = 0 if table is None else int(np.isnan(table).sum())
                if table is None or lost:
                    counts = f"of {on_side.sum()} {side} examples {lost} have no histogram"
                    reason = f"{counts}: all of a sample is outside the bins, or not a number"
                    scores[name] = scores[f"{name}_p95"] = f"there are no {side} examples" if table is None else reason
                    continue
                part = (Part(1, "both", side, table[None]),)
                scores[name], scores[f"{name}_p95"] = Measure(part), Measure(part, quantile=0.95)
        return scores

    def _tables(self, ours: Array, theirs: Array) -> list[Array | None]:
        return list(histogram_kl(p=ours, q=theirs, bins=Bins(self.bins, self.clip, kind=self.binning)))
