"""What a gradient loop walks through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from untrain.data.examples import Batch as Batch
from untrain.data.examples import Examples as Examples
from untrain.models.tasks.base import Task


@dataclass(frozen=True, eq=False)
class Plan:
    """What a gradient loop walks through: ``draw`` gives the batches of each of ``length`` steps of an epoch.

    Batch statistics are re-estimated on ``retain``, as ``task`` asks. A length of 0 is not known.
    """

    epochs: int
    draw: Callable[[int], Iterator[tuple[Batch | None, ...]]]
    retain: Examples | None
    task: Task
    length: int = 0
