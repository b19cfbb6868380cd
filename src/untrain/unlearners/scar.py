"""SCAR."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, islice
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput
from untrain.core.fields import Count, NonNegative, Positive, Share
from untrain.core.search_space import SearchHint
from untrain.data.batching import in_order
from untrain.data.examples import Batch, Examples, batch_of, take, unit_scaled, walk
from untrain.data.ragged import Ragged
from untrain.models.tasks.base import Task
from untrain.training.batch_plan import Plan
from untrain.training.centroids import vectors_of
from untrain.training.class_distributions import distributions_of
from untrain.training.descend import descend
from untrain.training.distillation import outputs_of, teacher
from untrain.training.guard import read_only
from untrain.training.input_noise import check_real
from untrain.training.problem import Problem
from untrain.training.process_group import SINGLE, process_group
from untrain.training.steps import AdamW, Constant, Steps
from untrain.unlearners._centroid_aims import ASKED, PairPass, nearest_wrong_classes
from untrain.unlearners._stop_accuracy import stop_accuracy
from untrain.unlearners.base import Unlearner
from untrain.unlearners.scrub import right

KNOWN, PATIENCE = 0.8, 2  # accuracy below which a class is let alone, and epochs before it may stop, of the authors' code
MOST = 10_000  # images of noise, as in the authors' code
MARGIN = 0.015  # of accuracy, below the held-out one, as in the authors' main.py


class SCAR(Unlearner):
    """Minimise ``distance * M(h(forget), nearest wrong class) + hold * KL(model before || model)`` on surrogate data.

    ``M`` is the squared Mahalanobis distance of head inputs from a class's distribution in the retain set, as the model before has
    it; nearest classes are chosen once. Where whole classes go, the model before gives them the least of its logits, and what it
    takes for one of them is free. Otherwise a class counts by the accuracy on its forget examples, and is let alone below
    0.8. It stops in the third epoch or later, once the accuracy on the forget set is below ``stop``. Batch-norm buffers follow
    ``steps.buffers``; forget set and surrogate data move them.

    Args:
        distance: weight of the distance (the code's lambda_1).
        hold: weight of the divergence from the model before (the code's lambda_2).
        temperature: divides the logits of the model before, and not the model's.
        power: of the head inputs, which makes their distributions more even.
        shrink: how much of the mean variance, and of the mean covariance, is added to each, twice (the code's gammas).
        ratio: updates per forget batch, each with a surrogate batch of its own.
        stop: accuracy on the forget set below which it stops; None takes 0.01 where the forgotten classes leave nothing, otherwise
            0.015 less than the original's accuracy on held-out examples; where there are none it takes all its steps and says so.
        surrogate: data of the divergence: the 'retain' set, or 'noise', Gaussian images of the forget set's mean and spread;
            then the retain set is used for the distributions of classes alone.
        steps: step size and length; an epoch is once through the forget set.

    Source: Bonato, Cotogni and Sabetta 2024, arXiv 2403.20213; code jbonato1/SCAR@280ceae, SCAR in src/Unlearning_methods.py, whose
        command.sh has these weights, epochs and step size for a class of CIFAR-10; ``ratio`` is what its count of batches comes to.
    Departs: the default surrogate is the retain set, where the code's are images of another data set, which are not here; in a
        random removal it draws them so that each class of the model before comes as often, and stops by accuracy on the test set,
        which no method may see. The code takes a class's place in a list for its label where classes were removed, and targets of
        a batch for those of another, shuffled one; powers keep signs, where it has NaN below zero; 1e-4 more in each
        log-probability is left out.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", "valid", "classes", "correct", "divergence"})

    distance: Annotated[NonNegative, SearchHint(0.1, 10.0, log=True, usual=True)] = 1.0
    hold: Annotated[NonNegative, SearchHint(0.01, 10.0, log=True, usual=True)] = 0.1
    temperature: Annotated[Positive, SearchHint(1, 8, log=True)] = 2.0
    power: Annotated[Positive, SearchHint(0.3, 1.0)] = 0.5
    shrink: Annotated[NonNegative, SearchHint(0.1, 10.0, log=True)] = 3.0
    ratio: Annotated[Count, SearchHint(1, 40, log=True)] = 6
    stop: Share | None = None
    surrogate: Literal["retain", "noise"] = "retain"
    steps: Steps = Steps(lr=1e-3, epochs=10, batch=1024, optimizer=AdamW(), schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model whose forgotten examples lie in the distributions of other classes.

        Raises:
            RequestError: some example has no other class to go to.
            ModelError: the method needs noise, and inputs are not real numbers.
            BadInput: several processes work together; their accuracies differ until the end.
        """
        if process_group() is not SINGLE:
            raise BadInput("SCAR stops by accuracy, which differs between processes: take a single one")
        task, forget, before = problem.task, problem.forget, teacher(model, "SCAR")
        draw = self._surrogate(problem)
        look = PairPass(model, task, joint=False, tokens=isinstance(forget.x, Ragged))
        parts = (batch_of(problem.rest, rows) for rows in in_order(len(problem.rest), ASKED))
        labelled = vectors_of(model, task, parts, isinstance(problem.rest.x, Ragged))
        classes = task.outputs_needed(forget)
        distributions = distributions_of(labelled, classes, self.power, self.shrink, self.shrink)
        aims = nearest_wrong_classes(look, forget, distributions.distances, distributions.counts)
        gone = torch.bincount(forget.y[:], minlength=classes).to(aims.device) > 0
        gone &= distributions.counts == 0
        whole = not bool(torch.isin(forget.y[:], problem.rest.y[:]).any())
        factors = torch.ones(classes, device=aims.device)

        def value(retain: Batch, drawn: Batch) -> Tensor:
            outputs, vectors = look(retain, drawn)
            apart = distributions.distances(vectors).gather(1, aims[drawn.rows][:, None])[:, 0]
            held = distilled(task, outputs, outputs_of(task, before, retain) / self.temperature, retain, gone)
            return self.distance * (apart * factors[drawn.y]).mean() + self.hold * held

        stop = stop_accuracy("SCAR", model, problem, whole, MARGIN) if self.stop is None else self.stop
        plan = self._plan(model, problem, draw, None if whole else factors, stop)
        return descend(model, value, plan, self.steps, problem.trainable)

    def _plan(
        self,
        model: nn.Module,
        problem: Problem,
        surrogate: Callable[[int], Iterator[Batch]],
        factors: Tensor | None,
        stop: float | None,
    ) -> Plan:
        """Epochs once through the forget set, each batch with several of the surrogate data; ``factors`` follow the accuracies."""
        forgets, last, passes = problem.forget_batches(self.steps), -1, count()
        labels = problem.forget.y[:].cpu().numpy()

        def forgotten() -> bool:
            """Look at the forget set after a step."""
            with read_only("SCAR", model):
                hits = right(model.eval(), problem.task, problem.forget)
            if factors is not None:
                for label in np.unique(labels):
                    share = float(hits[labels == label].mean())
                    factors[label] = share if share >= KNOWN else 0.0
            return stop is not None and last >= PATIENCE and float(hits.mean()) < stop

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            nonlocal last
            for (forget,) in forgets.draw(epoch):
                for held in islice(surrogate(next(passes)), self.ratio):
                    if last >= 0 and forgotten():
                        return
                    last = epoch
                    yield held, cast(Batch, forget)

        return replace(forgets, draw=draw, length=forgets.length * self.ratio)

    def _surrogate(self, problem: Problem) -> Callable[[int], Iterator[Batch]]:
        """Passes, numbered, through the data that the model is constrained on."""
        if self.surrogate == "retain":
            batches = problem.retain_batches(self.steps)
            return lambda number: (cast(Batch, batch) for (batch,) in batches.draw(number))
        images = noise_like(problem.forget, problem.rest)
        return lambda number: walk(images, self.steps.batch, np.random.default_rng((problem.seed, number)))


def noise_like(forget: Examples, retain: Examples) -> Examples:
    """As many images of Gaussian noise as there are retain examples, at most 10,000, with the mean and spread of the forget set.

    Raises:
        ModelError: inputs are not real numbers.
    """
    check_real(forget, "SCAR")
    x = unit_scaled(forget.x[:])
    rows = np.arange(min(len(retain), MOST))
    noise = torch.randn(len(rows), *x.shape[1:]).to(x)
    return take(retain, rows).with_inputs(x.mean() + x.std() * noise)


def distilled(task: Task, student: Tensor, target: Tensor, batch: Batch, gone: Tensor) -> Tensor:
    """Mean divergence from a teacher's outputs on the examples that it takes for a class that stays.

    Args:
        task: one with classes.
        student: outputs, (b, c).
        target: the teacher's, (b, c).
        batch: the examples.
        gone: which classes were removed, bool (c,): the teacher's outputs for them become the least that it has.
    """
    if bool(gone.any()):
        kept = ~gone[target.argmax(1)]
        if not bool(kept.any()):
            return 0 * student.sum()
        student, target, batch = student[kept], target[kept].clone(), batch.to(kept.device)[kept]
        target[:, gone] = target.min()
    return task.divergence(student, target, batch).mean()
