"""Measures of a model in a search: mean success on the forget set and on validation data, and what forgetting cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.experiments.jobs import limit_of
from untrain.experiments.scene import Scene, targets
from untrain.models.tasks.base import Signal
from untrain.runtime.store import Entry

Array = np.ndarray[Any, Any]


def are_mostly_wrong(scene: Scene) -> bool:
    """Return whether most targets to forget are known to be wrong."""
    train, rows = scene.data.train, np.asarray(scene.forget_set.rows)
    if train.true is None:
        return False
    return float((targets(train) != targets(train, true=True))[rows].mean()) > 0.5


def mean_successes(scene: Scene, entry: Entry, original: Entry, signal: Signal) -> dict[str, float]:
    """Mean of a signal on the forget set and on validation data; 'alike' is that of its original on unseen examples.

    Those are the validation data, with the forget set's mix of classes where there are classes: about what retraining would know of
    the forget set. Of a class of which no example stays it would know nothing, so 'alike' counts 0 for it, and 'valid' leaves
    it out.

    Args:
        scene: of a search.
        entry: of an unlearned model, which was observed on the forget set, or of a trained one, on all of the training set.
        original: the entry of the model before.
        signal: a signal of the task, in [0, 1].
    """
    forget, valid = _signals(scene, entry, signal)
    _, before = _signals(scene, original, signal)
    held_out, to_forget = _strata(scene)
    known = ~np.isin(held_out, classes_gone(scene))
    return {
        "forget": float(forget.mean()),
        "valid": float(valid[known].mean() if known.any() else valid.mean()),
        "alike": weighed(np.where(known, before, 0.0), held_out, to_forget),
    }


def classes_gone(scene: Scene) -> Array:
    """Classes of which a request leaves no example to train on; none where the task has no classes."""
    if "classes" not in scene.task.signals:
        return np.zeros(0)
    return np.setdiff1d(targets(scene.data.train), targets(scene.remaining))


def _signals(scene: Scene, entry: Entry, signal: Signal) -> tuple[Array, Array]:
    """A signal of a model on the forget set and on the validation data; corrected rows stand behind both.

    Raises:
        DataError: there is another number of outputs than of examples observed.
    """
    rows, (train, *others) = np.asarray(scene.forget_set.rows), scene.observed
    alone = entry.record["ingredients"]["kind"] == "unlearned"
    cuts = np.cumsum([len(rows) if alone else len(train), *map(len, others)])
    outputs = {name: np.asarray(entry.array(name)) for name in scene.task.outputs}
    for array in outputs.values():
        if len(array) != cuts[-1]:
            raise DataError(f"model {entry.key[:12]} has outputs of {len(array)} examples, and {cuts[-1]} were observed")
    on_forget = np.arange(len(rows)) if alone else rows
    known = targets(train)[rows], targets(scene.data.valid)
    parts = zip((on_forget, np.arange(cuts[0], cuts[1])), known, strict=True)
    first, second = (scene.task.signal({n: a[None, at] for n, a in outputs.items()}, y, signal)[0] for at, y in parts)
    return first, second


def _strata(scene: Scene) -> tuple[Array, Array]:
    """Classes of the validation data and of the forget set; all alike where the task has none."""
    valid, forget = targets(scene.data.valid), targets(scene.data.train)[np.asarray(scene.forget_set.rows)]
    if "classes" in scene.task.signals:
        return valid, forget
    return np.zeros(len(valid)), np.zeros(len(forget))


def weighed(right: Array, labels: Array, forget: Array) -> float:
    """Mean success on held-out examples, each class counting as often as it stands in ``forget``.

    Args:
        right: success on each held-out example, such as whether it was classified right, in [0, 1], (n,).
        labels: their classes, (n,).
        forget: classes of the examples to forget, (k,); those that no held-out example has are left out.

    Returns:
        The mean, in [0, 1]; the plain one where no class is shared.
    """
    shared, counts = np.unique(forget[np.isin(forget, labels)], return_counts=True)
    if not len(shared):
        return float(right.mean())
    return float(np.average([right[labels == c].mean() for c in shared], weights=counts))


def share_of_retraining(scene: Scene, entry: Entry, original: Entry) -> float | None:
    """Operations besides those of retraining, which are estimated from training the original: no oracle is trained for it."""
    spent = entry.record["cost"]["flops"]
    if spent is None or original.record["cost"]["flops"] is None:
        return None
    whole = limit_of(scene, original, 1.0)
    return float(spent / whole) if whole > 0 else None
