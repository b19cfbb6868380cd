"""UNSIR."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.fields import Count, NonNegative
from untrain.core.search_space import SearchHint
from untrain.data.batching import count, shuffled
from untrain.data.examples import Batch, Examples, batch_of, take
from untrain.models.real_inputs import real_inputs, with_inputs
from untrain.models.tasks.base import Task
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.distillation import teacher
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Constant, Steps
from untrain.unlearners.base import Unlearner

MAKING = Steps(lr=0.1, epochs=40, optimizer=AdamW(), schedule=Constant())  # of noise, as in the authors' code


class UNSIR(Unlearner):
    """Minimise ``L(retain) + L(noise)`` (impair), then ``L(retain)`` (repair); the noise maximises the previous model's error.

    Noise of a forgotten class is made from normal noise z by 40 steps that minimise ``penalty * |z|^2 - L(z, class)``; the impair
    steps learn it as of that class. The forget set gives nothing but the names of its classes. Of the retain set a part is used,
    and images are not augmented. Batch-norm buffers follow ``buffers`` of either steps; noise moves them in the first.

    Args:
        noises: inputs of noise for each forgotten class.
        copies: how often each of them is among the examples of an impairing epoch.
        samples: retain examples of each class, at most, drawn once.
        penalty: weight of the squared norm of a noise input.
        steps: step size and length of the impairing.
        repair: step size and length of the repairing.

    Source: Tarun et al. 2021, arXiv 2111.08947; code vikram2000b/Fast-Machine-Unlearning@252bc92, Machine Unlearning.ipynb. The
        code makes 256 inputs of noise and, by a slip, shows as many of them as an image has channels: three, as here.
    Departs: noise of each class has that class for its label, where the code gives all the label 0; it is made against the model in
        eval mode, where the code leaves it in train mode; inputs of noise are those of the model, before any normalising in it.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", "classes"})

    noises: Annotated[Count, SearchHint(3, 256, log=True)] = 3
    copies: Annotated[Count, SearchHint(1, 80, log=True)] = 20
    samples: Annotated[Count, SearchHint(100, 5000, log=True)] = 1000
    penalty: Annotated[NonNegative, SearchHint(0.01, 1.0, asked=True)] = 0.1
    steps: Steps = Steps(lr=0.02, epochs=1, batch=256, optimizer=AdamW(), schedule=Constant())
    repair: Steps = Steps(lr=0.01, epochs=1, batch=256, optimizer=AdamW(), schedule=Constant())

    def may_be_unchanged(self, problem: Problem) -> bool:
        """True if it takes no step of either kind."""
        return problem.epochs(self.steps) == problem.epochs(self.repair) == 0

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The impaired and repaired model.

        Raises:
            ModelError: inputs are not real numbers.
        """
        task, before = problem.task, teacher(model, "UNSIR")
        classes = torch.unique(problem.forget.y[:]).tolist()
        noise = Batch.cat([self._noise(before, problem, label) for label in classes])
        part = some_of_each(problem.rest, self.samples)

        def loss(batch: Batch) -> Tensor:
            return task.loss(model, batch).mean()

        descend(model, loss, mixed(problem, part, noise, self.copies, self.steps), self.steps, problem.trainable)
        return descend(model, loss, mixed(problem, part, noise, 0, self.repair), self.repair, problem.trainable)

    def _noise(self, before: nn.Module, problem: Problem, label: int) -> Batch:
        """Noise for one class, where the examples are."""
        alike = batch_of(problem.forget, np.zeros(self.noises, dtype=np.int64))
        alike = Batch(alike.fields, torch.arange(self.noises, device=alike.rows.device)).with_targets(
            torch.full_like(alike.y, label)
        )
        shape = real_inputs(problem.task, alike, "UNSIR")
        # Drawn on the CPU, so that every device starts from the same.
        noise = LearnedInputs(torch.randn(shape.shape).to(shape).to(next(before.parameters()).device))

        def loss(batch: Batch) -> Tensor:
            z = noise.values[batch.rows]
            error = problem.task.loss(before, with_inputs(batch, z)).mean()
            return self.penalty * z.flatten(1).square().sum(1).mean() - error

        plan = Plan(MAKING.epochs, lambda _: iter([(alike,)]), None, problem.task, 1)  # type: ignore[arg-type]
        descend(noise, loss, plan, MAKING)
        return with_inputs(alike, noise.values.detach().to(shape.device))


class LearnedInputs(nn.Module):
    """Inputs that are learned."""

    def __init__(self, values: Tensor):
        super().__init__()
        self.values = nn.Parameter(values)


def some_of_each(examples: Examples, most: int) -> Examples:
    """At most so many examples of each class, drawn by torch's global generator, in their order."""
    order = torch.randperm(len(examples))
    labels = examples.y[:].cpu()[order]
    rows = torch.cat([order[labels == label][:most] for label in torch.unique(labels)])
    return take(examples, rows.sort().values.numpy())


def mixed(problem: Problem, examples: Examples, noise: Batch, copies: int, steps: Steps) -> Plan:
    """Plan epochs once through some examples and copies of noise together, each in a new order."""
    n, task = len(examples), problem.task
    total = n + copies * len(noise)

    def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
        for rows in shuffled(total, steps.batch, np.random.default_rng((problem.seed, epoch))):
            kept, made = rows[rows < n], (rows[rows >= n] - n) % len(noise)
            parts = [real(task, batch_of(examples, kept))] if len(kept) else []
            yield (Batch.cat([*parts, noise[torch.as_tensor(made, device=noise.rows.device)]] if len(made) else parts),)

    return Plan(problem.epochs(steps), draw, problem.retain, task, count(total, steps.batch))


def real(task: Task, batch: Batch) -> Batch:
    """The same examples with real numbers for inputs, as noise has them."""
    return with_inputs(batch, real_inputs(task, batch, "UNSIR"))
