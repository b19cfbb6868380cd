"""Convex models without single training examples: their weights, and what that does to losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import nn

from untrain.core.errors import ModelError
from untrain.data.examples import Examples
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.convex_optimum import DENSE
from untrain.maths.leave_one_out import Without, leave_one_out
from untrain.training.learners.convex import Convex, weights_for

Array = np.ndarray[Any, Any]


def steps_without(by: Convex, model: nn.Module, train: Examples, rows: Array | None = None) -> Iterator[Array]:
    """By how much the weights of a convex model change without each of some training examples, (b, size), block by block.

    Args:
        by: the learner that made the model, of the training data.
        model: at the optimum.
        train: the training data.
        rows: of these, (r,); None for all.

    Raises:
        ModelError: the model has other weights than the objective, or too many, the learner has an absolute penalty, the Hessian is
            singular, or an example decides a weight alone.
    """
    objective = by.objective(train)
    at = np.arange(len(train)) if rows is None else np.asarray(rows)
    return (found.weights for found in _without(objective, _weights(by, model, objective), at))


def self_influence(by: Convex, model: nn.Module, train: Examples) -> Array:
    """By how much the loss of each training example rises in a model without it, in nats, (n,).

    Examples that are labelled wrong come first: nothing but themselves speaks for their labels.

    >>> import torch
    >>> x, y = torch.tensor([[1.0], [2.0], [3.0], [-1.0], [-2.0], [-3.0]]), torch.tensor([1, 1, 0, 0, 0, 0])
    >>> data, by = Examples.labelled(x, y, np.arange(6), 2), Convex(l2=0.1)
    >>> int(self_influence(by, by(data), data).argmax())
    2

    Args:
        by: the learner that made the model.
        model: at the optimum.
        train: what it was trained on.

    Raises:
        ModelError: as ``steps_without``.

    Source: Koh and Liang 2017, arXiv 1703.04730, section 5.4; here the loss rises by a Newton step, and not along its gradient.
    """
    objective = by.objective(train)
    weights = _weights(by, model, objective)
    moved = np.concatenate([found.scores for found in _without(objective, weights, np.arange(len(train)))])
    scores = objective.rows.scores(objective.folded(weights))
    before, after = (objective.loss.derivatives(each, objective.targets).value for each in (scores, scores + moved))
    return np.asarray(after - before)


def _weights(by: Convex, model: nn.Module, objective: ConvexObjective) -> Array:
    """Weights of the model.

    Raises:
        ModelError: they are not those of the objective, or a Hessian of them is too large.
    """
    weights = weights_for(by, model, objective)
    if objective.size > DENSE:
        raise ModelError(f"{objective.size:,} weights are too many for their Hessian, of {DENSE:,} at most: take fewer columns")
    return weights


def _without(objective: ConvexObjective, weights: Array, rows: Array) -> Iterator[Without]:
    try:
        yield from leave_one_out(objective, weights, rows)
    except np.linalg.LinAlgError as error:
        raise ModelError(f"the Hessian has no inverse ({error}): train with l2 > 0") from None
    except ValueError as error:
        raise ModelError(str(error)) from None
