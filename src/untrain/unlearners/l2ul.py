"""Instance-wise unlearning: misclassify the forget set, hold adversarial examples and the weights that matter little to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.fields import Count, NonNegative, Positive
from untrain.core.metering import Counter
from untrain.core.search_space import SearchHint
from untrain.data.batching import count, in_order
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch, Examples, batch_of, take, walk
from untrain.models.tasks.base import Task
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.gradients import Params, check, length_of_outputs, mean_absolute, movable, of_batches
from untrain.training.input_gradients import input_gradient, with_real_inputs
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners._adversarial_examples import AT_ONCE, TINY, length_of, range_of, scaled
from untrain.unlearners._other_classes import other_classes
from untrain.unlearners._phases import endless
from untrain.unlearners._stop_accuracy import accuracy
from untrain.unlearners.base import Unlearner

SEARCH, PART = 100, 40  # steps of an attack, and steps in a radius


class L2UL(Unlearner):
    """Minimise ``L(adversarial) - L(forget) + hold / 2 * |weights - before|^2`` until every forget example is misclassified.

    It needs no retain set: around each forget example, inputs that the model calls other classes stand for what it knows.
    The sum of squares weights each parameter by one less its importance for the forget set, so that those which matter little to
    it stay. Losses count in proportion to the examples of a batch. Batch-norm buffers follow ``steps.buffers``; both sets move
    them.

    Args:
        others: adversarial examples for each forget example, each of a class drawn at random among the others.
        radius: Euclidean radius around an input within which they lie, in units of inputs.
        hold: weight of the squared distance from the weights before.
        forget_batch: forget examples per step.
        steps: step size and length; an epoch is once through the adversarial examples.

    Source: Cha et al. 2024, arXiv 2301.11578; code csm9493/L2UL@5fb777b, its third method, with the values that it runs for
        CIFAR-10. Importance is that of Aljundi et al. 2018 (MAS).
    Departs: at most ten epochs, where the code goes on for a thousand; the importance is taken in eval mode, where the code is in
        train mode; inputs other than images of uint8 stay within the range of the forget set's.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "classes", "correct"})

    others: Annotated[Count, SearchHint(1, 100, log=True, asked=True)] = 20
    radius: Annotated[Positive, SearchHint(0.1, 10, log=True)] = 4.0
    hold: Annotated[NonNegative, SearchHint(0.01, 100, log=True)] = 1.0
    forget_batch: Annotated[Count, SearchHint(16, 256, log=True, asked=True)] = 32
    steps: Steps = Steps(lr=1e-3, epochs=10, batch=256, optimizer=SGD(decay=1e-4), schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that calls the forget set otherwise.

        Raises:
            RequestError: there is no other class.
            ModelError: inputs are tokens, or outputs do not depend on them.
        """
        task, params = problem.task, movable(model, problem.trainable)
        spare = {n: 1 - value for n, value in importance(model, task, problem.forget, params).items()}
        before = {n: p.detach().clone() for n, p in params.items()}
        adversarial = attacked(model, task, problem.forget, self.others, self.radius)
        forget_batches = problem.forget_batches(replace(self.steps, batch=self.forget_batch))

        taken = 0

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            nonlocal taken
            forgets = endless(forget_batches, epoch, forget_batches.epochs)
            for real in walk(adversarial, self.steps.batch, np.random.default_rng((problem.seed, epoch))):
                if taken and accuracy("L2UL", model, task, problem.forget) == 0:
                    return
                taken += 1
                yield real, next(forgets)

        def loss(real: Batch, forget: Batch) -> Tensor:
            total = len(real) + len(forget)
            value = task.loss(model, real).sum() / total - task.loss(model, forget).sum() / total
            for name, p in params.items():
                value = value + self.hold / 2 * (spare[name] * (p - before[name]).square()).sum()
            return value

        plan = Plan(problem.epochs(self.steps), draw, problem.retain, task, count(len(adversarial), self.steps.batch))
        return descend(model, loss, plan, self.steps, problem.trainable)


def importance(model: nn.Module, task: Task, examples: Examples, params: Params) -> dict[str, Tensor]:
    """Mean over batches of the absolute gradient of the mean norm of outputs, scaled to [0, 1] within each parameter."""
    batches = list(in_order(len(examples), AT_ONCE))
    gradients = of_batches(model, task, [examples], batches, params, length_of_outputs)
    total = mean_absolute(gradients, params, [len(rows) / len(examples) for rows in batches])
    return {n: _unit(value.to(p)) for (n, p), value in zip(params.items(), total, strict=True)}


def _unit(value: Tensor) -> Tensor:
    if not value.numel() or float(value.max()) == float(value.min()):
        return torch.zeros_like(value)
    return (value - value.min()) / (value.max() - value.min())


def attacked(model: nn.Module, task: Task, examples: Examples, copies: int, radius: float) -> Examples:
    """Inputs within a radius of those of examples, several of each, moved towards another class, which is their target.

    Args:
        model: in eval mode.
        task: one with classes.
        examples: labelled.
        copies: how many of each example, with classes of their own drawn at random.
        radius: Euclidean, in units of inputs.
    """
    device, counter = next(model.parameters()).device, Counter()
    low, high = range_of(examples)
    many = take(examples, np.repeat(np.arange(len(examples)), copies))
    many, xs = many.with_targets(other_classes(many.y, examples.classes, "L2UL")), []

    def step(batch: Batch, center: Tensor, x: Tensor) -> Tensor:
        real = with_real_inputs(task, batch.with_fields(**{next(iter(batch.fields)): x}), "L2UL")
        slope = input_gradient(task.loss(model, real).sum(), real.x)
        check(slope)
        moved = x - scaled(slope, radius / PART / (length_of(slope) + TINY))
        away = moved.clamp(low, high) - center
        return center + scaled(away, (radius / length_of(away).clamp(min=TINY)).clamp(max=1))

    for rows in in_order(len(many), AT_ONCE):
        batch = with_real_inputs(task, batch_of(many, rows, device), "L2UL")
        center = batch.x.detach()
        start = torch.randn(center.shape).to(center)
        x = (center + scaled(start, radius * torch.rand(len(center)).to(center) / (length_of(start) + TINY))).clamp(low, high)
        for _ in range(SEARCH):
            x = counter.step(len(rows), partial(step, batch, center, x), shape=cost_shape(batch))
        xs.append(x.to(many.y.device))
    return many.with_inputs(torch.cat(xs))
