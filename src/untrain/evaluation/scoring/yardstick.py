"""Whether retrained models are a fair yardstick: on what all models were trained on, they should do as well as the originals."""

from __future__ import annotations

import numpy as np

from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.design import LEVEL
from untrain.evaluation.scoring.effect_size import of_models

_LEAST = 0.02  # of accuracy: less is no alarm, however sure


def alarm(original: Observation, oracle: Observation, level: float = LEVEL) -> str:
    """A sentence where originals and oracles differ in retain accuracy by more than seeds explain; else empty.

    Both were trained on the retain set, and neither was made to forget any of it. Where the one learned it and the other did not,
    as by an unstable recipe or one of too few steps, scores on the forget set show that difference and not memory.

    Args:
        original: outputs of the original models.
        oracle: outputs of the oracles, on the same examples.
        level: share of false alarms.
    """
    retain = np.asarray(oracle.side) == "retain"
    if not retain.any() or not original.has("correct") or not oracle.has("correct"):
        return ""
    ours, theirs = (outputs.at(np.flatnonzero(retain)).signal("correct").mean(1) for outputs in (original, oracle))
    estimate = of_models(ours, theirs)
    if estimate is None or abs(estimate.difference) <= max(_LEAST, estimate.half(level, 1)):
        return ""
    return (
        f"originals are right on {100 * ours.mean():.1f} % of the retain set and retrained models on {100 * theirs.mean():.1f} %, "
        "more apart than seeds explain, though both were trained on it: the retrained models are no fair yardstick, and what looks "
        "like memory may be how well a training run went"
    )
