"""The owner of the code that a value stands for."""

from __future__ import annotations

import dataclasses
from typing import Any


def is_ours(value: Any) -> bool:
    """Return whether what a spec stands for is made of parts of this package alone.

    >>> from untrain.evaluation.metrics.accuracy import Accuracy
    >>> is_ours(Accuracy())
    True
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = (getattr(value, f.name) for f in dataclasses.fields(value))
        return type(value).__module__.startswith("untrain.") and all(map(is_ours, parts))
    if isinstance(value, tuple):
        return all(map(is_ours, value))
    return not callable(value) or str(getattr(value, "__module__", "")).startswith("untrain.")
