"""The plan of a gradient loop: its batches, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from untrain.data.examples import Batch as Batch
from untrain.data.examples import Examples as Examples
from untrain.models.tasks.base import Task


@dataclass(frozen=True, eq=False)
class Plan:
    """Batches of a gradient loop: ``draw`` yields those of each of ``length`` steps of an epoch.

    Batch statistics are re-estimated on ``retain``, with the model's ``task``. A length of 0 means unknown. A walk goes through
    the epochs of ``part``, or through all where it is None; step sizes are those of the whole plan.
    """

    epochs: int
    draw: Callable[[int], Iterator[tuple[Batch | None, ...]]]
    retain: Examples | None
    task: Task
    length: int = 0
    part: range | None = None

    @property
    def walk(self) -> range:
        """The epochs that a walk goes through."""
        return range(self.epochs) if self.part is None else self.part
