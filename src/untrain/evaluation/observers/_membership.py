"""Attacks on membership by a number that takes the model: forget examples against test examples."""

from __future__ import annotations

import numpy as np

from untrain.evaluation.attacks._held_out import MARGIN
from untrain.evaluation.attacks._placements import area_parts, placed_apart
from untrain.evaluation.base import Curve, Measure, Measured, Prepared, ScoreInfo
from untrain.evaluation.observers.base import forgets
from untrain.maths.roc import fpr_grid, sensitivity

BELOW = "over-forgets: below what oracles show, so the forget set stands out as too little known"
ABOVE = "remembers: above what oracles show, so the forget set stands out as too well known"


def area_info(what: str, weak: str) -> ScoreInfo:
    """The glossary's entry on an area.

    Args:
        what: in which way a forget example is above a test example, after 'probability that a forget example has a'.
        weak: known weakness.
    """
    return ScoreInfo(
        f"probability that a forget example has a {what} than a test example", "probability", "the oracles' value", weak,
        below=BELOW, above=ABOVE, margin=MARGIN,
    )  # fmt: skip


def area(trial: Prepared) -> Measured | str:
    """The area under the ROC curve of scores, larger for likelier members, of the forget and then of the test set, (m, n)."""
    count, (models, n) = forgets(trial), trial.unlearned.shape
    if not 0 < count < n:
        return "there are no forget or no test examples"
    tables = np.empty((models, n, 1))
    for table, scores in zip(tables, trial.unlearned.astype(np.float64), strict=True):
        table[:count, 0], table[count:, 0] = placed_apart(scores[:count], scores[count:])
    return Measure(area_parts("unlearned", tables, np.repeat(["forget", "test"], [count, n - count]), 0))


def curve(name: str, title: str, trial: Prepared) -> dict[str, Curve]:
    """The ROC curve, model by model, of which ``area`` is the area; none where a set is empty or a model was not observed.

    Args:
        name: of the area's score, without its '_auc'.
        title: of the attack, as a chart shows it.
        trial: holds the scores, (m, n).
    """
    count, scores = forgets(trial), trial.unlearned.astype(np.float64)
    others = scores.shape[1] - count
    if not count or not others or np.isnan(scores).any():
        return {}
    rates = fpr_grid(others)
    return {name: Curve(title, rates, np.stack([sensitivity(row[:count], row[count:], rates) for row in scores]), "test")}
