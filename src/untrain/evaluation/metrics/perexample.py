"""Each forget example against the oracles' margins on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo, Splits
from untrain.evaluation.observation import Observation
from untrain.maths.conformal import excess, tails

_UNIT = "standard errors"
_IDEAL = "what oracles score against other oracles"
_WEAK = "shows that some example stands out, not how an outsider would find it; one odd model among few looks the same as many"
_TAIL = "shows little of single examples; grows with the number of oracles, so read it next to its floor"
_SURE = "remembers: on some forget example the models are more certain of the label than retrained models ever are"
_UNSURE = "over-forgets: on some forget example the models are less certain of the label than retrained models ever are"
_INF = float("inf")


class PerExample(Evaluator):
    """Largest standardized difference of margins on any forget example, and conformal p-values of all examples together.

    Averages over the forget set hide a model that kept a few of its examples; the largest difference does not.

    Source: ours; conformal p-values after Vovk et al. 2005, the spread after Smyth 2004, eq. 3.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"margin", "spread"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "example_max": ScoreInfo(
            "largest excess of the mean certainty over the oracles' on any forget example",
            _UNIT, _IDEAL, _WEAK, low=-_INF, high=_INF, above=_SURE, margin=1.0,
        ),
        "example_min": ScoreInfo(
            "largest deficit of the mean certainty below the oracles' on any forget example",
            _UNIT, _IDEAL, _WEAK, low=-_INF, high=_INF, above=_UNSURE, margin=1.0,
        ),
        "example_fisher": ScoreInfo(
            "mean over forget examples of minus the logarithm of the conformal p-value of the certainty among the oracles'",
            "nats", _IDEAL, _TAIL, high=_INF, margin=0.1,
            above="remembers: over the forget set the models are more certain of the labels than retrained models",
            below="over-forgets: over the forget set the models are less certain of the labels than retrained models",
        ),
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Margins, (m, n)."""
        return observation.signal("margin")

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Largest excess and deficit, and Fisher's mean."""
        on_forget = trial.side == "forget"
        if len(trial.oracle) < 3 or not on_forget.any():
            return dict.fromkeys(self.scores, "it needs forget examples and at least 3 oracles")
        ours, theirs = trial.unlearned[:, on_forget], trial.oracle[:, on_forget]
        z = excess(ours, theirs)[None]
        whole = {"example_max": z, "example_min": -z, "example_fisher": -np.log(tails(ours, theirs))[None]}
        return {
            name: Measure((Part(1, "both", "forget", table),), quantile=None if name == "example_fisher" else 1.0)
            for name, table in whole.items()
        }

    def in_splits(self, splits: Splits) -> dict[str, Array] | None:
        """All three."""
        on_forget = splits.like.side == "forget"
        if splits.theirs.shape[1] < 3 or not on_forget.any():
            return None
        margins, found = np.ascontiguousarray(splits.pool[:, on_forget].T), []  # (n, p)
        for block in splits.blocks(len(margins)):
            # Models lie side by side as in the tables of a single split, so that sums over them are the same to the last bit.
            ours, theirs = (np.ascontiguousarray(margins[:, rows]).transpose(1, 2, 0) for rows in (block.ours, block.theirs))
            z, unlikely = excess(ours, theirs), -np.log(tails(ours, theirs))
            found.append((z.max(1), -z.min(1), unlikely.mean(1)))
        return dict(zip(self.scores, map(np.concatenate, zip(*found, strict=True)), strict=True))
