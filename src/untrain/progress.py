"""What is told of work under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a run is: jobs done and in all, what was done last, seconds gone and seconds left as far as is known.

    Where something else is to be told than that a job was done, such as that one is tried again, ``note`` tells it.
    """

    done: int
    total: int
    label: str
    elapsed: float
    left: float | None
    note: str | None = None


Tell = Callable[[Progress], None]
