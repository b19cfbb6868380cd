"""Lower bounds on the epsilon of unlearning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from untrain.evaluation.base import Array, Evaluator, Formula, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.maths.bounds import epsilon_shown, shared, threshold

_BOTH = "lower bound on epsilon that holds with the stated confidence, from upper bounds on both error rates (Clopper and Pearson)"
_INF = float("inf")


class Epsilon(Evaluator):
    """Lower bounds on the epsilon of (epsilon, delta)-indistinguishability, from the errors of tests between two distributions.

    ``epsilon_membership`` thresholds margins: forget against test examples, for each model. Half of the examples, drawn by
    id, choose the threshold and the side of members; the other half count errors. ``epsilon_retraining`` thresholds
    each model's mean margin on the forget set: unlearned against retrained models, where (epsilon, delta)-unlearning is
    defined. Models are few, so all of them choose and count, and the confidence is shared among all thresholds.

    Args:
        delta: slack.
        level: confidence in each bound.

    Source: Kairouz, Oh and Viswanath 2015 (the tests); Nasr et al. 2021, arXiv 2101.04535 (bounds from counts); Ginart et al.
        2019 and Sekhari et al. 2021 (their meaning for unlearning).
    """

    delta: Annotated[float, Field(ge=0, lt=1)] = 1e-5
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95

    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "epsilon_membership": ScoreInfo(
            f"{_BOTH}, of a test of forget against test examples by one threshold in each model, from the rates' means over models",
            "nats", "the oracles' value", high=_INF, above="remembers: forget examples stand out from test examples",
            weak="a bound, not an estimate: 0 where examples are few; forget and test examples differ in more than membership",
        ),
        "epsilon_retraining": ScoreInfo(
            f"{_BOTH}, of a test of unlearned against retrained models by their mean certainty on the forget set",
            "nats", "0", high=_INF, above="the mean certainty on the forget set distinguishes unlearned models from retrained ones",
            weak="a bound, not an estimate: it is at most 1.7 with 50 models of each kind; and it sees the mean certainty alone; "
            "the interval resamples models at the threshold that the real ones chose, so it is too narrow",
        ),
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """1 where an example is called a member, NaN where it chose the threshold; and its margin: (m, n, 2)."""
        out = np.stack([np.full((observation.models, len(observation)), np.nan), observation.signal("margin")], axis=-1)
        (members, inside), (others, outside) = (_halves(observation, side) for side in ("forget", "test"))
        if min(map(len, (members, inside, others, outside))) == 0:
            return out
        rows = np.concatenate([members, inside, others, outside])
        for row in out:
            if not np.isfinite(row[rows, 1]).all():
                continue
            cut, sign = threshold(row[members, 1], row[others, 1], self.delta, self.level)
            for counted in (inside, outside):
                row[counted, 0] = sign * row[counted, 1] > cut
        return out

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Both bounds."""
        forget, test = trial.side == "forget", trial.side == "test"
        if not forget.any():
            return dict.fromkeys(self.scores, "there are no forget examples")
        if not all(np.isfinite(p[:, forget | test, 1]).all() for p in (trial.unlearned, trial.oracle)):
            return dict.fromkeys(self.scores, "certainty is not finite on some forget or test examples")
        scores: dict[str, Measured | str] = {}
        members, others = ((t := trial.unlearned[:, at, 0])[:, ~np.isnan(t).any(0)] for at in (forget, test))
        scores["epsilon_membership"] = self._bound(
            Measure((Part(1, "unlearned", "forget", members),)),
            Measure((Part(1, "unlearned", "test", others),)),
            ("forget", members.shape[1]), ("test examples", others.shape[1]), self.level,
        )  # fmt: skip
        ours, theirs = (p[:, forget, 1].mean(1) for p in (trial.unlearned, trial.oracle))
        sizes = (len(ours), len(theirs))
        level = shared(sizes, self.level)
        cut, sign = threshold(ours, theirs, self.delta, level)
        hits, false = ((sign * each > cut).astype(np.float64)[:, None] for each in (ours, theirs))
        scores["epsilon_retraining"] = self._bound(
            Measure((Part(1, "unlearned", "forget", hits),), joint=True),
            Measure((Part(1, "oracle", "forget", false),), joint=True),
            ("unlearned", sizes[0]), ("retrained models", sizes[1]), level,
        )  # fmt: skip
        return scores

    def _bound(
        self, hits: Measure, false: Measure, positives: tuple[str, int], negatives: tuple[str, int], level: float
    ) -> Measured | str:
        """The bound, or the reason why no outcome could show anything."""
        sizes = (negatives[1], positives[1])
        if min(sizes) == 0 or epsilon_shown(0.0, 0.0, sizes, self.delta, level) == 0:
            counts = f"{positives[1]} {positives[0]} and {negatives[1]} {negatives[0]}"
            return f"{counts} are too few: even without an error nothing is shown"
        return Formula((hits, false), _shown(sizes, self.delta, level))


def _shown(sizes: tuple[int, int], delta: float, level: float) -> Callable[..., Array]:
    def combine(hits: Array, false: Array) -> Array:
        return epsilon_shown(false, 1 - hits, sizes, delta, level)

    return combine


def _halves(observation: Observation, side: str) -> tuple[Array, Array]:
    """Rows of a side in two halves, drawn by id whatever the order of rows."""
    rows = np.argsort(observation.ids, kind="stable")
    rows = rows[np.asarray(observation.side)[rows] == side]
    drawn = np.random.default_rng(len(rows)).permutation(rows)
    return drawn[: len(rows) // 2], drawn[len(rows) // 2 :]
