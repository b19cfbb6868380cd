"""Centroids of classes in the space of a head's inputs, and how far examples are from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import NotFinite, RequestError
from untrain.core.metering import Counter
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch
from untrain.models.features import forward_with_features
from untrain.models.tasks.base import Task


@dataclass(frozen=True, eq=False)
class Centroids:
    """Mean head inputs of classes.

    Args:
        vectors: (c, d), zeros for a class without examples.
        counts: number of examples of each class, int64 (c,).
    """

    vectors: Tensor
    counts: Tensor


@torch.no_grad()
def vectors_of(model: nn.Module, task: Task, batches: Iterable[Batch], tokens: bool = False) -> Iterable[tuple[Tensor, Batch]]:
    """Yield the head inputs (b, d), float32 or float64, of each batch in the mode that the model is in, and the batch.

    Args:
        model: asked as it is.
        task: the model's task.
        batches: of examples.
        tokens: whether rows are tokens of several lengths.

    Raises:
        NotFinite: one is NaN or infinite.
    """
    device, counter = next(model.parameters()).device, Counter()
    for batch in (b.to(device) for b in batches):
        ask = partial(forward_with_features, model, batch, task, tokens)
        vectors = full_precision(counter.step(len(batch), ask, backward=False, shape=cost_shape(batch))[1])
        if not bool(torch.isfinite(vectors).all()):
            raise NotFinite(f"inputs of the head of {type(model).__name__} are NaN or infinite on some examples")
        yield vectors, batch


def full_precision(vectors: Tensor) -> Tensor:
    """Vectors in float32, or in float64 where they are."""
    return vectors if vectors.dtype == torch.float64 else vectors.float()


def centroids_of(labelled: Iterable[tuple[Tensor, Batch]], classes: int) -> Centroids:
    """Centroids of the classes of labelled vectors.

    >>> batch = Batch.labelled(torch.zeros(3, 1), torch.tensor([0, 2, 2]))
    >>> made = centroids_of([(torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 4.0]]), batch)], classes=3)
    >>> made.vectors.tolist(), made.counts.tolist()
    ([[1.0, 0.0], [0.0, 0.0], [0.0, 3.0]], [1, 0, 2])

    Args:
        labelled: vectors (b, d) and the batch of examples that they are of.
        classes: number of classes, c.

    Raises:
        RequestError: there is no example.
    """
    total = counts = None
    for vectors, batch in labelled:
        if total is None or counts is None:
            total, counts = vectors.new_zeros(classes, vectors.shape[1]), batch.y.new_zeros(classes)
        total.index_add_(0, batch.y, vectors)
        counts += torch.bincount(batch.y, minlength=classes)
    if total is None or counts is None:
        raise RequestError("centroids need examples, and there are none: give a retain set")
    return Centroids(total / counts.clamp(min=1)[:, None], counts)


def cosine_distance(a: Tensor, b: Tensor) -> Tensor:
    """``1 - cos(a, b)`` of vectors along the last dimension, in [0, 2]; 1 where one of them is zero.

    >>> cosine_distance(torch.tensor([[2.0, 0.0], [0.0, 1.0], [-3.0, 0.0]]), torch.tensor([1.0, 0.0])).tolist()
    [0.0, 1.0, 2.0]
    """
    return 1 - (F.normalize(a, dim=-1) * F.normalize(b, dim=-1)).sum(-1)


def nearest_other(distances: Tensor, labels: Tensor, counts: Tensor) -> Tensor:
    """The class nearest to each example, (b,), that has a centroid and is not the example's own.

    >>> nearest_other(torch.tensor([[0.9, 0.8, 0.0, 0.1, 0.3]]), torch.tensor([2]), torch.tensor([5, 5, 0, 5, 5])).tolist()
    [3]

    Args:
        distances: of b examples to c centroids, (b, c).
        labels: classes of the examples, (b,).
        counts: examples of each class in its centroid, (c,); a class with 0 is nobody's nearest.

    Raises:
        RequestError: no other class has a centroid.
    """
    barred = (counts == 0) | F.one_hot(labels, len(counts)).bool()
    if bool(barred.all(1).any()):
        raise RequestError("some example to forget has no other class to go to: the retain set needs examples of another class")
    return distances.masked_fill(barred, torch.inf).argmin(1)
