"""Tug-of-war."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Formula, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import SIDES, Observation


class TugOfWar(Evaluator):
    """``(1 - |d forget|) (1 - |d retain|) (1 - |d test|)``, where d is a difference of accuracy between unlearned and oracle.

    Source: Zhao et al. 2024, arXiv 2406.01257, section 3 (ToW).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"correct"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "tug_of_war": ScoreInfo(
            "product over forget, retain and test of 1 minus the size of the difference of accuracy to the oracles",
            "fraction", "1", "accuracy alone, and its sign is lost: too much forgetting and too little look alike",
        ),
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Correctness, (m, n)."""
        return observation.signal("correct")

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The product."""
        terms = []
        for side in SIDES:
            on_side = trial.side == side
            if not on_side.any():
                return {"tug_of_war": f"there are no {side} examples"}
            ours, theirs = trial.unlearned[:, on_side], trial.oracle[:, on_side]
            terms.append(Measure((Part(1, "unlearned", side, ours), Part(-1, "oracle", side, theirs))))
        return {"tug_of_war": Formula(tuple(terms), _product, "fraction")}


def _product(*differences: Array) -> Array:
    return np.asarray(np.prod([1 - np.abs(d) for d in differences], axis=0))
