"""The search for wrong labels: models of all folds but one predict that one, and cleanlab compares labels and predictions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from untrain.core.errors import RunFailed
from untrain.core.metering import add_note
from untrain.core.seeds import seed_of
from untrain.data.examples import Examples
from untrain.data.fingerprint import rows_of
from untrain.data.folds import bound_together, draw_folds
from untrain.experiments.mislabelled.cleanlab import label_issues
from untrain.experiments.mislabelled.prepare import Ground
from untrain.experiments.populations.populate import train_population
from untrain.runtime.executors.base import Executor, Pool
from untrain.runtime.progress import OnProgress
from untrain.runtime.store import Store

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class JudgedLabels:
    """Rows of the data with predictions of models that did not see them.

    Args:
        probabilities: of the classes, (n, c).
        checked: rows of classes that each model saw, bool (n,).
        found: rows whose label is probably wrong, bool (n,).
        scores: of labels, lower is worse, (n,); NaN where a row was not checked.
    """

    probabilities: Array
    checked: Array
    found: Array
    scores: Array

    def listed(self, most: int | None) -> Array:
        """Rows to look at, the worst first: those found, or so many of the lowest scores."""
        order = np.argsort(np.where(self.checked, self.scores, np.inf), kind="stable")
        return np.asarray(order[self.found[order]] if most is None else order[: min(most, int(self.checked.sum()))])


def search_labels(
    ground: Ground, folds: int, seed: int, store: Store, executor: Executor | Pool | None = None,
    on_progress: OnProgress | None = None,
) -> JudgedLabels:  # fmt: skip
    """Train a model for each fold on all others, and judge each label by the model that did not see it.

    Args:
        ground: examples and learner.
        folds: their number.
        seed: of folds and models.
        store: where the models' outputs are; a fold that is there is not trained again.
        executor: who trains.
        on_progress: called with progress.

    Raises:
        BadInput: there are too few rows for the folds.
        RunFailed: the models learned nothing, so that their predictions say nothing about labels.
    """
    train = ground.train
    labels = np.asarray(train.y.cpu().numpy())
    fold = draw_folds(labels, _groups(train), folds, seed)
    pairs = [(np.flatnonzero(fold != at).tolist(), seed_of(seed, "fold", at)) for at in range(folds)]
    outputs = train_population(ground.learner, train, pairs, train, store=store, executor=executor, on_progress=on_progress)
    logits = np.asarray(outputs["logits"])[fold, np.arange(len(train))]
    probabilities = softmax(logits.astype(np.float64), axis=1)
    checked = _checked(train, labels, fold)
    _refuse_ignorance(probabilities, labels, ground)
    found, scores = np.zeros(len(train), dtype=bool), np.full(len(train), np.nan)
    there, numbers = np.unique(labels[checked], return_inverse=True)
    known = probabilities[checked][:, there]
    # A model that is sure of a class that is not judged leaves next to nothing for the others.
    known = (known + 1e-12) / (known + 1e-12).sum(1, keepdims=True)
    found[checked], scores[checked] = label_issues(numbers, known)
    return JudgedLabels(probabilities, checked, found, scores)


def _groups(train: Examples) -> Array:
    """Groups of rows with one id or the same inputs: a model that saw one would know the label of the other."""
    inputs = np.array([hash(row.tobytes()) for row in rows_of(train.x)])
    return bound_together(np.asarray(train.ids).astype(str), inputs)


def _checked(train: Examples, labels: Array, fold: Array) -> Array:
    """Mark the rows of classes that the model that predicts them has seen."""
    seen = [len(np.unique(fold[labels == each])) > 1 for each in range(train.classes)]
    rare = [train.categories[each] for each in np.unique(labels) if not seen[each]]
    if rare:
        count = int(sum((labels == train.categories.index(name)).sum() for name in rare))
        rows = f"{count} row{'s'[: count != 1]}"
        add_note(f"{rows} not judged: too few have the label {', '.join(rare[:5])} for models that did not see them to know it")
    return np.asarray(np.array(seen)[labels])


def _refuse_ignorance(probabilities: Array, labels: Array, ground: Ground) -> None:
    """Refuse models that neither get more rows right than a guess at the commonest label, nor lose less than its frequency does."""
    right, guess = accuracy(probabilities, labels), guess_of(labels)
    shares = np.bincount(labels) / len(labels)
    entropy = float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())
    loss = float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-300)).mean())
    # Three standard errors: by chance alone a guess gets some more right than its rate.
    if right <= guess + 3 * np.sqrt(guess * (1 - guess) / len(labels)) and loss >= entropy:
        raise RunFailed(
            f"models that did not see them get {right:.1%} of the rows right, and a guess at the commonest label {guess:.1%}: they "
            f"learned too little to doubt a label; name another network (it was {ground.network}) or --steps (they were "
            f"{ground.steps}), or look at labels and inputs with `untrain inspect`"
        )


def accuracy(probabilities: Array, labels: Array) -> float:
    """Share of rows whose given label is the likeliest one."""
    return float((probabilities.argmax(1) == labels).mean())


def guess_of(labels: Array) -> float:
    """Share of the commonest label."""
    return max(Counter(labels.tolist()).values()) / len(labels)
