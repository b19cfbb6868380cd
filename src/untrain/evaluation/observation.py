"""What models put out on examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.models.tasks.base import Signal, Task
from untrain.models.tasks.classification import Classification

Array = np.ndarray[Any, Any]
SIDES = ("forget", "retain", "test")


@dataclass(frozen=True, eq=False)
class Observation:
    """What m models put out on n examples.

    Args:
        outputs: arrays (m, n, ...) by name, such as 'logits' (m, n, c); they may be memory-mapped.
        labels: targets as given, (n, ...).
        true: targets before noise, (n, ...).
        side: 'forget', 'retain' or 'test', (n,).
        ids: one id per example, (n,).
        observed: what observers measured of the models, (m, ...), by the observer's spelling.
        task: derives losses, margins and correctness from outputs.
    """

    outputs: Mapping[str, Array]
    labels: Array
    true: Array
    side: Array
    ids: Array
    observed: Mapping[str, Array] = field(default_factory=dict)
    task: Task = Classification()

    @staticmethod
    def of_logits(
        logits: Array, labels: Array, true: Array, side: Array, ids: Array, observed: Mapping[str, Array] | None = None
    ) -> Observation:
        """What m classifiers put out: logits (m, n, c)."""
        return Observation({"logits": logits}, labels, true, side, ids, observed or {})

    @property
    def logits(self) -> Array:
        """The logits, (m, n, c).

        Raises:
            DataError: these models put out something else.
        """
        if "logits" not in self.outputs:
            raise DataError(f"the models put out {', '.join(self.outputs)}, and logits are needed")
        return self.outputs["logits"]

    @property
    def models(self) -> int:
        """Number of models."""
        return len(next(iter(self.outputs.values())))

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.side)

    @property
    def strata(self) -> Array:
        """The class of each example, or 0 where targets are not classes, (n,)."""
        labels = np.asarray(self.labels)
        return labels if self.has("classes") else np.zeros(len(self), dtype=np.int64)

    def has(self, name: str) -> bool:
        """Whether an output or a signal can be had, such as 'logits' or 'margin', or whether targets are 'classes'."""
        if name == "classes":
            return "classes" in self.task.signals and np.asarray(self.labels).dtype.kind in "iu"
        return name in self.outputs or (name in self.task.signals and set(self.task.outputs) <= self.outputs.keys())

    def signal(self, name: Signal, true: bool = False) -> Array:
        """A number per model and example, (m, n): 'loss', 'margin', 'correct' or 'confidence'.

        Args:
            name: which.
            true: whether targets before noise count, in place of those given.

        Raises:
            DataError: the task does not give it.
        """
        if name in self.outputs:
            return self.outputs[name]
        if not self.has(name):
            raise DataError(f"{type(self.task).__name__} gives no {name}; it gives {', '.join(sorted(self.task.signals))}")
        return self.task.signal(self.outputs, self.true if true else self.labels, name)

    def at(self, rows: Array) -> Observation:
        """The same models on some of the examples."""
        parts = {name: getattr(self, name)[rows] for name in ("labels", "true", "side", "ids")}
        return replace(self, outputs={name: value[:, rows] for name, value in self.outputs.items()}, **parts)

    def of_models(self, rows: Any) -> Observation:
        """Some of the models on the same examples."""
        return replace(self, outputs={name: value[rows] for name, value in self.outputs.items()})
