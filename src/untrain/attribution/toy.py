"""Data that the promises of attributors are tried on: a population whose effects are planted, and models of separable examples."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from untrain.attribution.base import Array, TrainingEvidence
from untrain.data.examples import Examples, joined, take
from untrain.models.tasks.classification import Classification
from untrain.training.base import Learner
from untrain.training.toy import small

TRAIN, OTHERS, CLASSES, MODELS = 12, 5, 3, 512


def planted() -> tuple[TrainingEvidence, Array]:
    """Half-subset models whose logits are sums of effects of the examples that they saw, and the effects (n, t, c).

    There is some noise. Each example was drawn by itself. Every third has an effect on every output, the others have none.
    """
    y = torch.arange(TRAIN + OTHERS) % CLASSES
    asked = Examples.labelled(torch.zeros(TRAIN + OTHERS, 2), y, np.arange(TRAIN + OTHERS), CLASSES)
    outputs, seen, effects = (array.copy() for array in _arrays())
    return TrainingEvidence(take(asked, np.arange(TRAIN)), asked, Classification(classes=CLASSES), outputs, seen), effects


@lru_cache(maxsize=1)
def _arrays() -> tuple[Array, Array, Array]:
    """Outputs, memberships and effects."""
    rng = np.random.default_rng(0)
    effects = rng.normal(size=(TRAIN, TRAIN + OTHERS, CLASSES))
    effects[np.arange(TRAIN) % 3 != 0] = 0.0
    seen = rng.random((MODELS, TRAIN)) < 0.5
    noise = 0.1 * rng.normal(size=(MODELS, TRAIN + OTHERS, CLASSES))
    outputs = (1.0 + np.tensordot(seen, effects, 1) + noise).astype(np.float32)
    return outputs, seen, effects.astype(np.float32)


def trained(by: Learner | None = None) -> TrainingEvidence:
    """A network with batch norm and another of the same examples, the 60 examples that they were trained on, all asked about.

    Args:
        by: a learner whose models take the place of these networks.
    """
    model, problem = small()
    train = joined(problem.forget, problem.rest)
    models = (model, problem.recipe(train, 1)) if by is None else (by(train, 0), by(train, 1))  # type: ignore[misc]
    return TrainingEvidence(train, train, Classification(classes=train.classes), models=tuple(each.eval() for each in models))
