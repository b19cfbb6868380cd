"""Steps of a gradient loop that runs within a limit of operations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Loop:
    """Steps of gradient loops within a limit.

    Args:
        done: steps that were taken.
        planned: steps that the loops begun so far would take.
        largest: operations of the largest step of the running loop.
        mark: operations at the check of the limit before the running step; None where no step runs.
        stopped: whether the limit stopped the loop.
    """

    done: int = 0
    planned: int = 0
    largest: float = 0.0
    mark: float | None = None
    stopped: bool = False


def count_step(loop: Loop, spent: float) -> None:
    """Count the step that ran since the last check of the limit, if one did; ``spent`` is the operations by now."""
    if loop.mark is not None and spent > loop.mark:
        loop.done, loop.largest = loop.done + 1, max(loop.largest, spent - loop.mark)
