"""Uniform predictions, then contrast with the retain set, then repair."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from untrain.core.fields import Count, Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.models.tasks.base import Task
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners._phases import before_the_last, phase
from untrain.unlearners.base import Unlearner

LEAST = 1e-6


class FCS(Unlearner):
    """Minimise ``KL(uniform || model)`` on forget once; then, in rounds, contrast forget with retain and minimise ``L(retain)``.

    The contrast is minus the mean logarithm of a softmax, over a batch of retain, of products of logits of forget with those
    of retain: it is least where a forget example is as like each retain example as any other. Labels of the forget set have no
    part in it. Batch-norm buffers follow ``steps.buffers``; both sets move them.

    Args:
        temperature: divides the products of logits.
        uniform: step size of the walk towards the uniform prediction.
        contrast: step size of the contrast in the first round; it falls along half a cosine.
        forget_batch: forget examples per step.
        steps: step size and length on the retain set; a round is an epoch.

    Source: the first of the NeurIPS 2023 unlearning challenge (fanchuan), called FCS by Cadet et al. 2024, arXiv 2410.01276;
        written from its description, with its values for batches of 256.
    Departs: momentum starts anew in each round, where each of the three optimizers keeps its own; the cosine falls from round to
        round, where it falls from step to step.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels", "classes"})

    temperature: Annotated[Positive, SearchHint(0.5, 4, log=True)] = 1.15
    uniform: Annotated[Positive, SearchHint(1e-4, 0.1, log=True)] = 0.005
    contrast: Annotated[Positive, SearchHint(1e-5, 1e-2, log=True)] = 3e-4
    forget_batch: Annotated[Count, SearchHint(16, 256, log=True, asked=True)] = 64
    steps: Steps = Steps(lr=4e-3, epochs=8, batch=256, optimizer=SGD(decay=0.01), schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after all rounds."""
        task, rounds = problem.task, problem.epochs(self.steps)
        moving = before_the_last(self.steps)
        plain = replace(moving, lr=self.uniform, epochs=1, batch=self.forget_batch, optimizer=SGD(), schedule=Constant())
        forget_batches, retain_batches = problem.forget_batches(plain), problem.retain_batches(self.steps)

        def towards_uniform(forget: Batch) -> Tensor:
            # KL to the uniform is -mean(log p) minus log c; the constant has no gradient.
            return -task.forward(model, forget).log_softmax(1).mean()

        def contrasted(forget: Batch, retain: Batch) -> Tensor:
            return contrast(model, task, forget, retain, self.temperature)

        def repair(retain: Batch) -> Tensor:
            return task.loss(model, retain).mean()

        def walk(loss: Callable[..., Tensor], plan: Plan, steps: Steps, at: int) -> None:
            descend(model, loss, phase(plan, at, at + 1), steps, problem.trainable)

        def pairs(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            # Another order of retain than the repair's.
            for (forget,), (retain,) in zip(forget_batches.draw(epoch + 1), retain_batches.draw(rounds + epoch), strict=False):
                yield forget, retain

        both = replace(forget_batches, epochs=rounds, draw=pairs, length=min(forget_batches.length, retain_batches.length))
        if rounds:
            walk(towards_uniform, forget_batches, plain, 0)
        for at in range(rounds):
            size = LEAST + max(self.contrast - LEAST, 0) * (1 + math.cos(math.pi * at / rounds)) / 2
            walk(contrasted, both, replace(plain, lr=size), at)
            walk(repair, retain_batches, self.steps if at == rounds - 1 else moving, at)
        return model


def contrast(model: nn.Module, task: Task, forget: Batch, retain: Batch, temperature: float) -> Tensor:
    """Minus the mean logarithm of the softmax, over retain, of products of logits of forget with those of retain."""
    ours = task.forward(model, forget)
    with torch.no_grad():
        theirs = task.forward(model, retain)
    return -(ours @ theirs.T / temperature).log_softmax(1).mean()
