"""Accuracy by side, and its gaps to the oracles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import CORRECTED, SIDES, Observation

_WEAK = "shows whether predictions are right, not whether they betray membership"


_MARGIN = 0.02  # of accuracy, either way


def _abouts() -> dict[str, ScoreInfo]:
    texts = {}
    for kind, labels in (("", "the labels as given"), ("true_", "the true labels")):
        for side in SIDES if not kind else SIDES[:2]:
            name = f"{side}_{kind}accuracy"
            right = f"share of the {side} set predicted as {labels} say"
            harm = "over-forgets" if side == "forget" else "loses utility"
            manner = "as its true labels say" if kind else "as labelled"
            more = f"more of the {side} set is predicted {manner} than after retraining"
            above = f"remembers: {more}" if side == "forget" and not kind else more
            below = f"less of the {side} set is predicted {manner} than after retraining"
            # A forget example of a wrong label is not over-forgotten for it: that label is kept, or the whole model is damaged.
            below = below if kind and side == "forget" else f"{harm}: {below}"
            texts[name] = ScoreInfo(right, "fraction", "the oracles' value", _WEAK, below=below, above=above, margin=_MARGIN)
            sign = "; above 0: more of it is wrong than after retraining" if side == "forget" else ""
            gap = f"oracles' {side} accuracy minus the unlearned models', on {labels}{sign}"
            texts[f"{side}_{kind}gap"] = ScoreInfo(gap, "fraction", "0", _WEAK, low=-1.0, verdict_of=name)
    return texts | _of_corrections()


def _of_corrections() -> dict[str, ScoreInfo]:
    name, more = f"{CORRECTED}_accuracy", "of the corrected examples is predicted as corrected than after retraining"
    right = ScoreInfo(
        "share of the corrected examples predicted as their corrected labels say, where the request corrects", "fraction",
        "the oracles' value", _WEAK, below=f"does not learn the correction: less {more}", above=f"more {more}", margin=_MARGIN,
        side=CORRECTED,
    )  # fmt: skip
    gap = "oracles' accuracy on the corrected examples minus the unlearned models', where the request corrects"
    return {name: right, f"{CORRECTED}_gap": ScoreInfo(gap, "fraction", "0", _WEAK, low=-1.0, verdict_of=name, side=CORRECTED)}


class Accuracy(Evaluator):
    """Accuracy on forget, retain, test and, where the request corrects, corrected; ``oracle - unlearned`` for each.

    Source: Torkzadehmahani et al. 2024, arXiv 2412.02432, section 2.1 (sign as in the caption of its Table 2).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"correct"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = _abouts()

    def prepare(self, observation: Observation) -> Array:
        """Correctness on given and on true labels, (m, n, 2)."""
        return np.stack([observation.signal("correct"), observation.signal("correct", true=True)], axis=-1)

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Accuracy and gap of each side; on true labels too where noise was planted."""
        scores: dict[str, Measured | str] = {}
        corrected = (CORRECTED,) if (trial.side == CORRECTED).any() else ()
        for at, kind in enumerate(("", "true_") if trial.noisy else ("",)):
            for side in (*SIDES, *corrected) if not kind else SIDES[:2]:
                on_side = trial.side == side
                ours, theirs = trial.unlearned[:, on_side, at], trial.oracle[:, on_side, at]
                if not on_side.any():
                    scores[f"{side}_{kind}accuracy"] = scores[f"{side}_{kind}gap"] = f"there are no {side} examples"
                    continue
                scores[f"{side}_{kind}accuracy"] = Measure((Part(1, "unlearned", side, ours),))
                scores[f"{side}_{kind}gap"] = Measure((Part(1, "oracle", side, theirs), Part(-1, "unlearned", side, ours)))
        return scores
