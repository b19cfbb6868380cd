"""Outputs of models on examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.evaluation.lazy_stack import LazyStack
from untrain.models.tasks.base import Signal, Task
from untrain.models.tasks.classification import Classification

Array = np.ndarray[Any, Any]
# A margin is log p - log(1 - p), from which the target's probability p and its loss follow; correctness does not.
OF_MARGIN: Mapping[str, Callable[[Array], Array]] = {
    "loss": lambda margin: np.logaddexp(0, -margin),
    "confidence": lambda margin: np.exp(-np.logaddexp(0, -margin)),
}
SIDES = ("forget", "retain", "test")
BLOCK = 2**20  # numbers of a model's outputs from which signals are derived at a time
CORRECTED = "corrected"  # a side of its own, where a request corrects examples: the rows with what is right
_KEPT = 2**22  # bytes of a signal up to which it is derived once and kept

OTHER = "other"  # the side of a probe's examples that are about none of the run's
PROBE = "probe:"  # before the name of a probe, among what an evaluator needs


@dataclass(frozen=True, eq=False)
class Observation:
    """Outputs of m models on n examples.

    Args:
        outputs: arrays (m, n, ...) by name, such as 'logits' (m, n, c). Those of stored models are stacks that read a model at a
            time, so that an evaluator which goes through the models never holds the outputs of all.
        labels: targets as given, (n, ...).
        true: targets before noise, (n, ...).
        side: 'forget', 'retain' or 'test', and 'corrected' where a request corrects, (n,).
        ids: one id per example, (n,).
        observed: what observers measured of the models, (m, ...), by the observer's spelling.
        task: derives losses, margins and correctness from outputs.
        probes: outputs of the same models on other sets, by the probe's name; an example has the id and the
            side of the one that it is about.
        owner: whose each example is, (n,), where some have several: what comes from one hand is not independent evidence.
        covered: whether an example is of the kind that the request forgets, by a rule that test examples meet too, bool (n,).
    """

    outputs: Mapping[str, Array | LazyStack]
    labels: Array
    true: Array
    side: Array
    ids: Array
    observed: Mapping[str, Array] = field(default_factory=dict)
    task: Task = Classification()
    probes: Mapping[str, Observation] = field(default_factory=dict)
    owner: Array | None = None
    covered: Array | None = None
    _derived: dict[tuple[str, bool], Array] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse outputs that are NaN or infinite, on which any score would be made up; those of the store are checked already.

        Raises:
            DataError: some are.
        """
        for name, table in self.outputs.items():
            if isinstance(table, np.ndarray):
                count = sum(int((~np.isfinite(row).all(axis=tuple(range(1, row.ndim)))).sum()) for row in table)
                if count:
                    of = f"{table.shape[0] * table.shape[1]} {name} of models on examples"
                    raise DataError(f"{count} of {of} are NaN or infinite")

    @staticmethod
    def of_logits(
        logits: Array, labels: Array, true: Array, side: Array, ids: Array, observed: Mapping[str, Array] | None = None
    ) -> Observation:
        """Outputs of m classifiers: logits (m, n, c)."""
        return Observation({"logits": logits}, labels, true, side, ids, observed or {})

    @property
    def logits(self) -> Array | LazyStack:
        """The logits, (m, n, c): iterate over the models; ``np.asarray`` reads those of all.

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
        """The class of each example, or 0 where the task has no classes, (n,)."""
        labels = np.asarray(self.labels)
        return labels if self.has("classes") else np.zeros(len(self), dtype=np.int64)

    @property
    def in_forgotten_class(self) -> Array:
        """Return whether an example's class is in the forget set and not in the retain set, bool (n,)."""
        side, labels = np.asarray(self.side), np.asarray(self.labels)
        return np.isin(labels, np.setdiff1d(labels[side == "forget"], labels[side == "retain"]))

    @property
    def in_forgotten_part(self) -> Array:
        """Return whether an example is of the kind that is forgotten, by the request's rule or else by its class, bool (n,)."""
        return self.in_forgotten_class if self.covered is None else np.asarray(self.covered)

    def has(self, name: str) -> bool:
        """Return whether an output, a signal or another thing that scores need is available.

        Args:
            name: an output such as 'logits', a signal such as 'margin', 'classes' (targets are classes, and known), 'strata' (they
                are known where the task has classes), 'spread' (models differ from seed to seed) or 'probe:NAME'.
        """
        if name.startswith(PROBE):
            return name.removeprefix(PROBE) in self.probes
        if name == "spread":
            return not self.coincide()
        if name == "classes":
            return "classes" in self.task.signals and np.asarray(self.labels).dtype.kind in "iu"
        if name == "strata":
            return "classes" not in self.task.signals or self.has("classes")
        if name in OF_MARGIN and "margin" in self.outputs:
            return True
        return name in self.outputs or (
            name in self.task.signals and set(self.task.signals_from or self.task.outputs) <= self.outputs.keys()
        )

    def coincide(self) -> bool:
        """Return whether there are several models, and all put out the same: those of a deterministic learner."""
        tables = self.outputs.values()
        return self.models > 1 and all(np.array_equal(row, table[0]) for table in tables for row in table[1:])

    def signal(self, name: Signal, true: bool = False) -> Array:
        """A number per model and example, (m, n): 'loss', 'margin', 'correct' or 'confidence'.

        Args:
            name: which.
            true: whether targets before noise count, instead of those given.

        Raises:
            DataError: the task does not give it.
        """
        if name in self.outputs:
            return np.asarray(self.outputs[name])
        if not self.has(name):
            raise DataError(f"{type(self.task).__name__} gives no {name}; it gives {', '.join(sorted(self.task.signals))}")
        if name in OF_MARGIN and "margin" in self.outputs:
            return OF_MARGIN[name](np.asarray(self.outputs["margin"], dtype=np.float64))
        if (name, true) in self._derived:
            return self._derived[name, true].copy()
        table = np.stack([*derived_signals(self.task, self.outputs, np.asarray(self.true if true else self.labels), name)])
        if table.nbytes <= _KEPT:
            self._derived[name, true] = table.copy()
        return table

    def equals(self, other: Observation) -> bool:
        """Return whether the same models in the same order put out the same, and observers measured the same."""
        pairs = [(self.outputs, other.outputs), (self.observed, other.observed)]
        return (
            self.models == other.models
            and all(one.keys() == two.keys() for one, two in pairs)
            and self.probes.keys() == other.probes.keys()
            and all(np.array_equal(a, b) for one, two in pairs for n in one for a, b in zip(one[n], two[n], strict=True))
            and all(probe.equals(other.probes[name]) for name, probe in self.probes.items())
        )

    def certainty(self) -> Array:
        """Minus the loss as far as its order goes, (m, n): the margin where that determines the loss.

        Rank examples by it, never by the loss: those of which a model is sure enough would tie at 0.
        """
        return self.signal("margin") if self.has("logits") or "margin" in self.outputs else -self.signal("loss")

    def at(self, rows: Array) -> Observation:
        """The same models on some of the examples."""
        parts = {name: getattr(self, name)[rows] for name in ("labels", "true", "side", "ids")}
        known = {name: value for name in ("owner", "covered") if (value := getattr(self, name)) is not None}
        parts |= {name: value[rows] for name, value in known.items()}
        some = replace(self, outputs={name: value[:, rows] for name, value in self.outputs.items()}, **parts)
        some._derived.update({name: table[:, rows] for name, table in self._derived.items()})
        return some

    def of_models(self, rows: Any) -> Observation:
        """Some of the models on the same examples."""
        probes = {name: probe.of_models(rows) for name, probe in self.probes.items()}
        some = replace(self, outputs={name: value[rows] for name, value in self.outputs.items()}, probes=probes)
        some._derived.update({name: table[rows] for name, table in self._derived.items()})
        return some


def derived_signals(task: Task, outputs: Mapping[str, Array | LazyStack], targets: Array, name: Signal) -> Iterator[Array]:
    """A signal of each model, (n,), one model after the other; what is computed on the way is no larger than a block of examples.

    >>> logits = np.array([[[0.0, 2.0], [1.0, 0.0]]])
    >>> [row.tolist() for row in derived_signals(Classification(), {"logits": logits}, np.array([1, 1]), "correct")]
    [[1.0, 0.0]]

    Args:
        task: derives it.
        outputs: of m models on n examples, (m, n, ...) by name.
        targets: of the examples, (n, ...).
        name: which.
    """
    for model in range(len(next(iter(outputs.values())))):
        rows = {output: table[model] for output, table in outputs.items()}
        size = max(1, BLOCK // max(1, *(int(np.prod(row.shape[1:])) for row in rows.values())))
        blocks = [slice(start, start + size) for start in range(0, max(1, len(targets)), size)]
        yield np.concatenate([task.signal({n: row[None, at] for n, row in rows.items()}, targets[at], name)[0] for at in blocks])
