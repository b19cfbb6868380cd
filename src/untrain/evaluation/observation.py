"""What models put out on examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SIDES = ("forget", "retain", "test")


@dataclass(frozen=True, eq=False)
class Observation:
    """What m models answered on n examples.

    ``logits`` are float32 (m, n, c) and may be memory-mapped; ``labels`` (n,) are those given, ``true`` (n,) those before
    noise; ``side`` (n,) is 'forget', 'retain' or 'test'. ``observed`` is what observers found of the models, by the
    observer's spelling, (m, ...).
    """

    logits: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    true: np.ndarray[Any, Any]
    side: np.ndarray[Any, Any]
    ids: np.ndarray[Any, Any]
    observed: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)
