"""KL divergence of margins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from untrain.core.fields import Count, Positive
from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import SIDES, Observation
from untrain.maths.divergence import Bins, histogram_kl

_IDEAL = "0; with few models no better than its floor can be had"
_WEAK = "strongly biased when models are few: read it next to its floor, and never across numbers of models"
_APART = "the margins of the forget set are spread over models otherwise than retraining spreads them"


def _abouts() -> dict[str, ScoreInfo]:
    made: dict[str, ScoreInfo] = {}
    for side in SIDES:
        for way, direction in (("", "unlearned against oracle"), ("_reverse", "oracle against unlearned")):
            for kind, what in (("", "mean"), ("_p95", "95th percentile")):
                means = f"KL of the margins' histogram over models, {direction}, {what} over the {side} set"
                tested = side == "forget" and not way and not kind
                made[f"klom_{side}{way}{kind}"] = ScoreInfo(
                    means, "nats", _IDEAL, _WEAK, high=float("inf"),
                    above=_APART if side == "forget" else "", margin=0.1 if tested else None,
                )  # fmt: skip
    return made


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

    def prepare(self, seen: Observation) -> Array:
        """Margins, (m, n)."""
        return seen.signal("margin")

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Mean and 95th percentile of each side, in both directions."""
        count = len(trial.unlearned)
        if count < self.least or len(trial.oracle) < count:
            told = f"N is {count} unlearned and {len(trial.oracle)} oracle models; at least {self.least} of each are needed, and "
            told += "as many oracles as unlearned"
            return dict.fromkeys(self.scores, told)
        found: dict[str, Measured | str] = {}
        for side in SIDES:
            here = trial.side == side
            names = [f"klom_{side}{way}" for way in ("", "_reverse")]
            tables = self._tables(trial.unlearned[:, here], trial.oracle[:count, here]) if here.any() else [None, None]
            for name, table in zip(names, tables, strict=True):
                lost = 0 if table is None else int(np.isnan(table).sum())
                if table is None or lost:
                    told = f"of {here.sum()} {side} examples {lost} have no histogram: all of a sample is lost, or not a number"
                    found[name] = found[f"{name}_p95"] = f"there are no {side} examples" if table is None else told
                    continue
                part = (Part(1, "both", side, table[None]),)
                found[name], found[f"{name}_p95"] = Measure(part), Measure(part, quantile=0.95)
        return found

    def _tables(self, ours: Array, theirs: Array) -> list[Array | None]:
        return list(histogram_kl(p=ours, q=theirs, bins=Bins(self.bins, self.clip, kind=self.binning)))
