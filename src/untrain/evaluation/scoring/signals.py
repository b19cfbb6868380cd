"""What scoring and reports read of outputs, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from untrain.evaluation.base import Array
from untrain.evaluation.observation import Observation
from untrain.maths.logits import confidences, correct, losses, margins

Name = Literal["loss", "margin", "correct", "confidence"]

# The only place in scoring and reports that knows what is stored; it goes when an Observation derives its signals by its task.
_OF_LOGITS: Mapping[str, Callable[[Array, Array], Array]] = {
    "loss": losses, "margin": margins, "correct": correct, "confidence": confidences,
}  # fmt: skip


def signal(outputs: Observation, name: Name, rows: Array | None = None) -> Array:
    """A number per model and example, (m, n).

    Args:
        outputs: what the models put out.
        name: 'loss' in nats, 'margin' (log-odds of the label, nats), 'correct' (0 or 1), 'confidence' (probability of the label).
        rows: the examples; None for all.
    """
    if rows is None:
        return _OF_LOGITS[name](outputs.logits, outputs.labels)
    return _OF_LOGITS[name](np.asarray(outputs.logits[:, rows]), np.asarray(outputs.labels)[rows])


def class_count(outputs: Observation) -> int | None:
    """Number of classes, or None where outputs are not one number per class."""
    return int(outputs.logits.shape[-1])
