"""What a report is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.evaluation.observation import Observation


@dataclass(frozen=True, eq=False)
class Material:
    """All that a report is made of.

    Args:
        document: the scores of a run, as ``results`` gives them.
        original: what the original models answered; None where there are none.
        oracle: what the oracles answered.
        unlearned: method -> what its models answered; a method that failed is absent.
        inputs: the forget examples' inputs, in the order of their rows, (n, ...); None when they are left out or not known.
    """

    document: dict[str, Any]
    original: Observation | None
    oracle: Observation
    unlearned: dict[str, Observation]
    inputs: np.ndarray[Any, Any] | None
