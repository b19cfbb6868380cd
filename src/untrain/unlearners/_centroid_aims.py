"""Centroids that DUCK draws each forget example to, and the joint forward pass of a pair of batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from untrain.core.errors import RequestError
from untrain.core.metering import Counter
from untrain.data.batching import in_order
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch, Examples, batch_of
from untrain.models.features import forward_with_features
from untrain.models.tasks.base import Task
from untrain.training.batch_norm import untracked_statistics
from untrain.training.centroids import Centroids, cosine_distance, full_precision, nearest_other, vectors_of
from untrain.training.distillation import Bookkeeping

ASKED = 512  # examples asked at a time where batches mean nothing


@dataclass(frozen=True, eq=False)
class PairPass:
    """Outputs on a retain batch, and head inputs (b, d) of a forget batch, of one pass through a model or of two.

    Args:
        model: in the mode in which to run it.
        task: the model's task.
        joint: whether both go through in one pass; otherwise the forget batch goes first.
        tokens: whether rows are tokens of several lengths.
    """

    model: nn.Module
    task: Task
    joint: bool = True
    tokens: bool = False

    def __call__(self, retain: Batch, forget: Batch) -> tuple[Tensor, Tensor]:
        """Outputs and vectors."""
        if self.joint:
            outputs, vectors = forward_with_features(self.model, Batch.cat([forget, retain]), self.task, self.tokens)
            return outputs[len(forget) :], full_precision(vectors[: len(forget)])
        _, vectors = forward_with_features(self.model, forget, self.task, self.tokens)
        return self.task.forward(self.model, retain), full_precision(vectors)

    @torch.no_grad()
    def once(self, retain: Batch, forget: Batch) -> Tensor:
        """The vectors, without a gradient; in train mode the batches move batch statistics."""
        device = next(self.model.parameters()).device
        pair = retain.to(device), forget.to(device)
        ask = partial(self, *pair)
        return Counter().step(len(retain) + len(forget), ask, backward=False, shape=cost_shape(*pair))[1]


class Aims:
    """The class to whose centroid each forget example is drawn."""

    def __init__(self, look: PairPass, forget: Examples, centroids: Centroids, bookkeeping: Bookkeeping):
        self.look, self.centroids, self.how = look, centroids, bookkeeping.targets
        self.table = torch.zeros(len(forget), dtype=torch.int64, device=centroids.counts.device)
        self.entries: list[Tensor] = []
        if self.how == "once":
            self.table = nearest_wrong_classes(look, forget, self._distances, centroids.counts)

    def aim(self, epoch: int, number: int, retain: Batch, forget: Batch) -> Batch:
        """A forget batch, the ``number``-th of its epoch, with the classes that it is drawn to for targets."""
        forget = forget.to(self.table.device)
        if self.how != "once" and epoch == 0:
            with untracked_statistics(self.look.model):
                distances = self._distances(self.look.once(retain, forget))
            choose = nearest_other if self.how == "first_epoch" else nearest_by_place
            self.table[forget.rows] = chosen = choose(distances, forget.y, self.centroids.counts)
            self.entries.append(chosen)
            return forget.with_targets(chosen)
        return self.kept(number, forget)

    def kept(self, number: int, forget: Batch) -> Batch:
        """A forget batch with the classes that it is drawn to since the first epoch."""
        forget = forget.to(self.table.device)
        if self.how != "official":
            return forget.with_targets(self.table[forget.rows])
        entry = self.entries[number]
        return forget.with_targets(entry[torch.arange(len(forget), device=entry.device) % len(entry)])

    def _distances(self, vectors: Tensor) -> Tensor:
        return cosine_distance(vectors[:, None], self.centroids.vectors)


def nearest_wrong_classes(look: PairPass, forget: Examples, distances: Callable[[Tensor], Tensor], counts: Tensor) -> Tensor:
    """The nearest class of each example, (n,), that is not its own, as the model puts it in the mode that it is in.

    Args:
        look: asked as it is.
        forget: the examples.
        distances: (b, c) of head inputs (b, d).
        counts: examples of each class, (c,); a class with 0 is nobody's nearest.

    Raises:
        RequestError: there is no other class.
    """
    batches = (batch_of(forget, rows) for rows in in_order(len(forget), ASKED))
    entries = vectors_of(look.model, look.task, batches, look.tokens)
    return torch.cat([nearest_other(distances(vectors), batch.y, counts) for vectors, batch in entries])


def nearest_by_place(distances: Tensor, labels: Tensor, counts: Tensor) -> Tensor:
    """The class that the authors' code takes for the nearest other one: it compares a place in the list of centroids with a label.

    >>> nearest_by_place(torch.tensor([[0.9, 0.8, 0.0, 0.1, 0.3]]), torch.tensor([2]), torch.tensor([5, 5, 0, 5, 5])).tolist()
    [4]

    Args:
        distances: of b examples to c centroids, (b, c).
        labels: classes of the examples, (b,).
        counts: examples of each class in its centroid, (c,); one with 0 is not in the list.
    """
    listed = counts.nonzero().flatten()
    if len(listed) < 2:
        raise RequestError(
            "the authors' targets are the nearest class or the next, and one class has a centroid: use targets='once'"
        )
    places = distances[:, listed].argsort(dim=1)
    return listed[torch.where(places[:, 0] == labels, places[:, 1], places[:, 0])]
