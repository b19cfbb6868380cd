"""Records of populations: models that each see a part of the training data, and which part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

MEMORIZATION = "memorization"  # the column of training data that holds it, in [-1, 1]


@dataclass(frozen=True)
class Ensemble:
    """Models that each see a random half of the training data: how many, and the seed of halves and training."""

    models: int
    seed: int


@dataclass(frozen=True, eq=False)
class Population:
    """What m models answered on n training examples, of which each saw a part, and on further test examples.

    It serves, without another model being trained:

    - memorization and influence: ``logits`` and ``seen``; two models of each kind for an example at least;
    - LiRA and RMIA: margins or probabilities of an example under the models that saw it and under those that did not;
    - datamodels: ``seen`` is the design matrix, margins are what is regressed on it;
    - audits: models that saw none of a forget set, and models that saw all of it, when ``Subsets(units=...)`` drew it whole.

    Args:
        logits: answers in eval mode, float32 (m, n + tests, c), training examples first; may be memory-mapped.
        seen: whether a model was trained on a training example, bool (m, n).
        labels: labels as given, (n + tests,).
        true: labels before noise was planted where they are known, else those given, (n + tests,).
        ids: ids of the examples, (n + tests,).
        seeds: of the models, (m,).
    """

    logits: np.ndarray[Any, Any]
    seen: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    true: np.ndarray[Any, Any]
    ids: np.ndarray[Any, Any]
    seeds: np.ndarray[Any, Any]
