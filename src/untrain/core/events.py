"""Events of a run or of a checkpoint that forgets, as records that a callback or a logger takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

EventKind = Literal["begun", "step", "model", "score", "ended"]


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    >>> Event("step", "Finetune()", 10, {"loss": 0.5}).numbers["loss"]
    0.5

    Args:
        kind: 'begun' and 'ended' frame the work; a 'step' is of a gradient loop, a 'model' was made, a 'score' was computed.
        name: of the method, the model or the work.
        step: of the gradient loop, counted from 1; None where nothing is counted.
        numbers: by name; none is NaN or infinite.
        facts: texts by name, such as the scenario. No id of an example is among them.
    """

    kind: EventKind
    name: str
    step: int | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


Log = Callable[[Event], None]
