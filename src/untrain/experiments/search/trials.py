"""What a search measures of a model: accuracies on the forget set and on validation data, and what forgetting cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.experiments.jobs import limit_of
from untrain.experiments.scene import Scene
from untrain.runtime.store import Entry

Array = np.ndarray[Any, Any]


def are_mostly_wrong(scene: Scene) -> bool:
    """Whether most labels to forget are known to be wrong."""
    train, rows = scene.data.train, np.asarray(scene.forget_set.rows)
    if train.true is None:
        return False
    return float((train.y != train.true).cpu().numpy()[rows].mean()) > 0.5


def accuracies(scene: Scene, entry: Entry, original: Entry) -> dict[str, float]:
    """Accuracy of a model on the forget set and on validation data; 'alike' is that of its original on unseen examples.

    Those are the validation data, with the forget set's mix of classes: about what retraining would know of the forget set.

    Args:
        scene: of a search.
        entry: of an unlearned model, which was observed on the forget set, or of a trained one, on all of the training set.
        original: the entry of the model before.
    """
    rows = np.asarray(scene.forget_set.rows)
    forget, valid = scene.data.train.y.cpu().numpy()[rows], scene.data.valid.y.cpu().numpy()
    on_forget, on_valid = _answers(scene, entry)
    _, before = _answers(scene, original)
    return {
        "forget": float((on_forget == forget).mean()),
        "valid": float((on_valid == valid).mean()),
        "alike": weighed(before == valid, valid, forget),
    }


def _answers(scene: Scene, entry: Entry) -> tuple[Array, Array]:
    """Classes that a model gives to the forget set and to the validation data; corrected rows stand behind both.

    Raises:
        DataError: there is another number of outputs than of examples observed.
    """
    rows, (train, *others) = np.asarray(scene.forget_set.rows), scene.observed
    alone = entry.record["ingredients"]["kind"] == "unlearned"
    cuts = np.cumsum([len(rows) if alone else len(train), *map(len, others)])
    predicted = np.asarray(entry.array("logits")).argmax(1)
    if len(predicted) != cuts[-1]:
        raise DataError(f"model {entry.key[:12]} has outputs of {len(predicted)} examples, and {cuts[-1]} were observed")
    return predicted[: cuts[0]] if alone else predicted[rows], predicted[cuts[0] : cuts[1]]


def weighed(right: Array, labels: Array, forget: Array) -> float:
    """Accuracy on held-out examples, each class counting as often as it stands in ``forget``.

    Args:
        right: whether each held-out example was classified right, bool (n,).
        labels: their classes, (n,).
        forget: classes of the examples to forget, (k,); those that no held-out example has are left out.

    Returns:
        Accuracy in [0, 1]; the plain one where no class is shared.
    """
    shared, counts = np.unique(forget[np.isin(forget, labels)], return_counts=True)
    if not len(shared):
        return float(right.mean())
    return float(np.average([right[labels == c].mean() for c in shared], weights=counts))


def share_of_retraining(scene: Scene, entry: Entry, original: Entry) -> float | None:
    """Operations beside those of retraining, which are estimated from training the original: no oracle is trained for it."""
    spent = entry.record["cost"]["flops"]
    if spent is None or original.record["cost"]["flops"] is None:
        return None
    whole = limit_of(scene, original, 1.0)
    return float(spent / whole) if whole > 0 else None
