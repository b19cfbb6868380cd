"""DUCK."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count, islice
from typing import Annotated, ClassVar, cast

import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput, RequestError
from untrain.core.fields import Count, Share
from untrain.core.metering import Counter, add_note
from untrain.core.search_space import SearchHint
from untrain.data.batching import in_order
from untrain.data.examples import Batch, Examples, batch_of, cost_shape
from untrain.data.ragged import Ragged
from untrain.models.features import forward_with_features
from untrain.models.tasks.base import Task
from untrain.training.batch_norm import untracked_statistics
from untrain.training.centroids import (
    Centroids,
    centroids_of,
    cosine_distance,
    full_precision,
    nearest_other,
    vectors_of,
)
from untrain.training.descend import descend
from untrain.training.distillation import Bookkeeping, MetricLoss
from untrain.training.guard import read_only
from untrain.training.problem import Problem
from untrain.training.process_group import SINGLE, process_group
from untrain.training.steps import AdamW, Constant, Steps
from untrain.unlearners.base import Unlearner
from untrain.unlearners.scrub import error

FORGOTTEN = 0.01  # accuracy on removed classes below which the authors' code stops
ASKED = 512  # examples asked at a time where batches mean nothing


class DUCK(Unlearner):
    """Minimise ``distance * (1 - cos(h(forget), nearest wrong centroid)) + labels * L(retain)``, h being the head's inputs.

    Centroids are those of the retain set in the original model, and stay. An epoch is once through the forget set, with ``ratio``
    updates per forget batch, each with a retain batch of its own. A class that lost all its examples has no centroid, and nobody is
    drawn to it. It stops after an epoch at the end of which the accuracy on the forget set is below ``stop``. Batch-norm buffers
    follow ``steps.buffers``; batches of both sets move them.

    Args:
        loss: weights of its two terms.
        ratio: updates per forget batch.
        stop: accuracy on the forget set below which it stops; None takes 0.01 where the forgotten classes leave nothing, otherwise
            the original's accuracy on held-out examples, and where there are none it takes all its steps and says so.
        bookkeeping: targets, centroids, count of updates and passes.
        steps: step size and length.

    Source: Cotogni et al. 2023, arXiv 2312.02052; code OcraM17/DUCK@0961e3a, src/Unlearning_methods.py, whose README has these
        steps and weights for a tenth of CIFAR-10; the ratio is that of its version 89abac8.
    Departs: the code errs in its targets and in its count of updates, which ``Bookkeeping`` brings back; it stops a random removal
        by accuracy on the test set, which no method may see; its newer version halves the step size after 25 and 40 epochs and goes
        on with a second phase of two epochs, and it smooths labels of Tiny ImageNet, all of which is left out; the walk through the
        retain set goes on from one forget batch to the next, where the code starts it anew.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", "valid", "classes"})

    loss: MetricLoss = MetricLoss()
    ratio: Annotated[Count, SearchHint(1, 40, log=True)] = 5
    stop: Share | None = None
    bookkeeping: Bookkeeping = Bookkeeping()
    steps: Steps = Steps(lr=1e-3, epochs=10, batch=1024, optimizer=AdamW(), schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model whose forgotten examples lie near other classes.

        Raises:
            RequestError: some example has no other class to go to, or the batches for the centroids lack a class that stays.
            BadInput: several processes work together; their batch statistics, and so their accuracies, differ until the end.
        """
        if process_group() is not SINGLE:
            raise BadInput("DUCK stops by accuracy, which differs between processes: take a single one")
        task, loss, official = problem.task, self.loss, self.bookkeeping.updates == "official"
        centroids, stop = self._centroids(model, problem), self._stop(model, problem)
        look = PairPass(model, task, self.bookkeeping.forward == "joint", isinstance(problem.forget.x, Ragged))
        aims = _Aims(look, problem.forget, centroids, self.bookkeeping)

        def objective(retain: Batch, forget: Batch) -> Tensor:
            outputs, vectors = look(retain, forget)
            distances = cosine_distance(vectors, centroids.vectors[forget.y])
            return loss.labels * task.loss_of(outputs / loss.temperature, retain).mean() + loss.distance * distances.mean()

        forgets, retains = problem.forget_batches(self.steps), problem.retain_batches(self.steps)
        passes, stopped = (retains.draw(at) for at in count()), False
        walk = chain.from_iterable(passes)

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            nonlocal stopped
            stopped = stopped or (epoch > 0 and stop is not None and accuracy(model, task, problem.forget) < stop)
            if stopped:
                return
            # A fixed order, as in the authors' code, or the number of a batch would say nothing.
            for number, (forget,) in enumerate(forgets.draw(0 if self.bookkeeping.targets == "official" else epoch)):
                drawn = islice(next(passes), self.ratio + 2) if official else islice(walk, self.ratio)
                for inner, (retain,) in enumerate(drawn):
                    pair = cast(Batch, retain), cast(Batch, forget)
                    aimed = aims.aim(epoch, number, *pair)
                    if inner > self.ratio:
                        look.once(*pair)
                    else:
                        yield pair[0], aimed

        plan = replace(forgets, draw=draw, length=forgets.length * (self.ratio + official))
        return descend(model, objective, plan, self.steps, problem.trainable)

    def _centroids(self, model: nn.Module, problem: Problem) -> Centroids:
        """Centroids of the classes of the retain set, of all of it or of some batches.

        Raises:
            RequestError: the batches lack a class that the retain set has.
        """
        retain, tokens = problem.rest, isinstance(problem.rest.x, Ragged)
        classes = problem.task.outputs_needed(retain)
        if self.bookkeeping.centroids is None:
            drawn: Iterator[Batch] = (batch_of(retain, rows) for rows in in_order(len(retain), ASKED))
        else:
            drawn = (b for (b,) in islice(problem.retain_batches(self.steps).draw(0), self.bookkeeping.centroids) if b is not None)
        made = centroids_of(vectors_of(model, problem.task, drawn, tokens), classes)
        there = torch.bincount(retain.y[:], minlength=classes).to(made.counts.device)
        if lacking := ((there > 0) & (made.counts == 0)).nonzero().flatten().tolist():
            raise RequestError(
                f"the first {self.bookkeeping.centroids} retain batches hold no example of class {lacking[0]}, which so has no "
                "centroid: take more, or centroids=None for all"
            )
        return made

    def _stop(self, model: nn.Module, problem: Problem) -> float | None:
        """The accuracy on the forget set below which it stops."""
        if self.stop is not None:
            return self.stop
        if not bool(torch.isin(problem.forget.y[:], problem.rest.y[:]).any()):
            return FORGOTTEN
        if problem.valid is None or not len(problem.valid):
            add_note("DUCK has no held-out examples to stop by, and takes all its steps: give Problem(valid=...) or stop=...")
            return None
        return accuracy(model, problem.task, problem.valid)


@dataclass(frozen=True, eq=False)
class PairPass:
    """Outputs on a retain batch, and head inputs (b, d) of a forget batch, of one pass through a model or of two.

    Args:
        model: in the mode in which it is to be asked.
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


class _Aims:
    """The class to whose centroid each forget example is drawn."""

    def __init__(self, look: PairPass, forget: Examples, centroids: Centroids, bookkeeping: Bookkeeping):
        self.look, self.centroids, self.how = look, centroids, bookkeeping.targets
        self.table = torch.zeros(len(forget), dtype=torch.int64, device=centroids.counts.device)
        self.entries: list[Tensor] = []
        if self.how == "once":
            batches = (batch_of(forget, rows) for rows in in_order(len(forget), ASKED))
            for vectors, batch in vectors_of(look.model, look.task, batches, look.tokens):
                self.table[batch.rows] = nearest_other(self._distances(vectors), batch.y, centroids.counts)

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
        if self.how != "official":
            return forget.with_targets(self.table[forget.rows])
        entry = self.entries[number]
        return forget.with_targets(entry[torch.arange(len(forget), device=entry.device) % len(entry)])

    def _distances(self, vectors: Tensor) -> Tensor:
        return cosine_distance(vectors[:, None], self.centroids.vectors)


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


def accuracy(model: nn.Module, task: Task, examples: Examples) -> float:
    """Share of examples that a model gets right in eval mode; modes are as before afterwards."""
    with read_only("DUCK", model):
        return 1 - error(model.eval(), task, examples)
