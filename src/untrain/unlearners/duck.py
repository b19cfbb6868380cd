"""DUCK."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, count, islice
from typing import Annotated, ClassVar, cast

import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput, RequestError
from untrain.core.fields import Count, Share
from untrain.core.search_space import SearchHint
from untrain.data.batching import in_order
from untrain.data.examples import Batch, batch_of
from untrain.data.ragged import Ragged
from untrain.training.batch_plan import Plan
from untrain.training.centroids import Centroids, centroids_of, cosine_distance, vectors_of
from untrain.training.descend import descend
from untrain.training.distillation import Bookkeeping, MetricLoss
from untrain.training.problem import Problem
from untrain.training.process_group import SINGLE, process_group
from untrain.training.steps import AdamW, Constant, Cosine, Steps
from untrain.unlearners._centroid_aims import ASKED, Aims, PairPass
from untrain.unlearners._stop_accuracy import accuracy, stop_accuracy
from untrain.unlearners.base import Unlearner

FEW = 20  # retain batches for each forget batch of the second phase
LOW = Steps(lr=1e-4, epochs=2, batch=512, optimizer=AdamW(), schedule=Cosine(floor=0.0))


class DUCK(Unlearner):
    """Minimise ``distance * (1 - cos(h(forget), nearest wrong centroid)) + labels * L(retain)``, where h is the head's input.

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
        low_regime: whether a second phase follows, as in the newer version of the code: two epochs with a tenth of the distance, in
            which the first forget batch meets the whole retain set, or each meets 20 batches of it where classes stay.
        steps: step size and length of the first phase.

    Source: Cotogni et al. 2023, arXiv 2312.02052; code OcraM17/DUCK@0961e3a, src/Unlearning_methods.py, whose README has these
        steps and weights for a tenth of CIFAR-10; the ratio is that of its version 89abac8.
    Departs: the code errs in its targets and in its count of updates, which ``Bookkeeping`` brings back; it stops a random removal
        by accuracy on the test set, which no method may see; it halves the step size after 25 and 40 epochs and smooths labels of
        Tiny ImageNet, which is left out; the walk through the retain set goes on from one forget batch to the next, where the code
        starts it anew; the second phase keeps the targets of the first, and its step size falls from epoch to epoch.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", "valid", "classes"})

    loss: MetricLoss = MetricLoss()
    ratio: Annotated[Count, SearchHint(1, 40, log=True)] = 5
    stop: Share | None = None
    bookkeeping: Bookkeeping = Bookkeeping()
    low_regime: bool = False
    steps: Steps = Steps(lr=1e-3, epochs=10, batch=1024, optimizer=AdamW(), schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model whose forgotten examples lie near other classes.

        Raises:
            RequestError: some example has no other class to go to, or the batches for the centroids lack a class that stays.
            BadInput: several processes work together; their batch statistics, and so their accuracies, differ until the end.
        """
        if process_group() is not SINGLE:
            raise BadInput("DUCK stops by accuracy, which differs between processes: take a single one")
        whole = not bool(torch.isin(problem.forget.y[:], problem.rest.y[:]).any())
        centroids = self._centroids(model, problem)
        stop = stop_accuracy("DUCK", model, problem, whole) if self.stop is None else self.stop
        look = PairPass(model, problem.task, self.bookkeeping.forward == "joint", isinstance(problem.forget.x, Ragged))
        aims = Aims(look, problem.forget, centroids, self.bookkeeping)
        descend(model, objective(look, centroids, self.loss), self._plan(problem, aims, stop), self.steps, problem.trainable)
        if self.low_regime and problem.epochs(self.steps):
            steps = replace(LOW, buffers=self.steps.buffers)
            quiet = replace(self.loss, labels=1.0, distance=self.loss.distance / 10)
            plan = self._low_plan(problem, aims, steps, whole)
            descend(model, objective(replace(look, joint=True), centroids, quiet), plan, steps, problem.trainable)
        return model

    def _plan(self, problem: Problem, aims: Aims, stop: float | None) -> Plan:
        """Epochs once through the forget set, each batch with several of the retain set, until few examples are right."""
        forgets, retains = problem.forget_batches(self.steps), problem.retain_batches(self.steps)
        official, model, stopped = self.bookkeeping.updates == "official", aims.look.model, False
        passes = (retains.draw(at) for at in count())
        walk = chain.from_iterable(passes)

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            nonlocal stopped
            stopped = stopped or (epoch > 0 and stop is not None and accuracy("DUCK", model, problem.task, problem.forget) < stop)
            if stopped:
                return
            for number, (forget,) in enumerate(forgets.draw(self._order(epoch))):
                drawn = islice(next(passes), self.ratio + 2) if official else islice(walk, self.ratio)
                for inner, (retain,) in enumerate(drawn):
                    pair = cast(Batch, retain), cast(Batch, forget)
                    aimed = aims.aim(epoch, number, *pair)
                    if inner > self.ratio:
                        aims.look.once(*pair)
                    else:
                        yield pair[0], aimed

        return replace(forgets, draw=draw, length=forgets.length * (self.ratio + official))

    def _low_plan(self, problem: Problem, aims: Aims, steps: Steps, whole: bool) -> Plan:
        """Epochs of the second phase: the first forget batch with all of the retain set, or each with a few of its batches."""
        forgets, retains = problem.forget_batches(self.steps), problem.retain_batches(steps)
        most, few = (1, None) if whole else (None, FEW)

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            for number, (forget,) in enumerate(islice(forgets.draw(self._order(epoch)), most)):
                for (retain,) in islice(retains.draw(epoch * forgets.length + number), few):
                    yield retain, aims.kept(number, cast(Batch, forget))

        length = retains.length if whole else forgets.length * min(FEW, retains.length)
        return Plan(problem.epochs(steps), draw, problem.retain, problem.task, length)

    def _order(self, epoch: int) -> int:
        """The number of an epoch's order of the forget set: 0, as in the authors' code, where batches are known by their number."""
        return 0 if self.bookkeeping.targets == "official" else epoch

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


def objective(look: PairPass, centroids: Centroids, loss: MetricLoss) -> Callable[[Batch, Batch], Tensor]:
    """The loss of a retain batch, and of a forget batch whose targets are the classes that it is drawn to."""

    def value(retain: Batch, forget: Batch) -> Tensor:
        outputs, vectors = look(retain, forget)
        distances = cosine_distance(vectors, centroids.vectors[forget.y])
        labels = look.task.loss_of(outputs / loss.temperature, retain).mean()
        return loss.labels * labels + loss.distance * distances.mean()

    return value
