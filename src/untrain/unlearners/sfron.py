"""Saliency forgetting in the remain-preserving manifold, online."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Annotated, ClassVar, cast

import torch
from torch import Tensor, nn

from untrain.core.fields import Count, NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.data.batching import in_order
from untrain.data.examples import Batch, Examples
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.gradients import Grads, Params, mean_square, of_batches
from untrain.training.problem import Problem
from untrain.training.steered_gradients import gradients_of, steerable, steered
from untrain.training.steps import SGD, Cosine, Steps
from untrain.unlearners._phases import endless
from untrain.unlearners.base import Unlearner

LEAST = 1e-15


class SFRon(Unlearner):
    """Alternate one step up the adaptive loss of forget, on salient weights, with ``every`` steps down ``L(retain)``.

    The adaptive loss weights each example by one over its loss to the power ``adapt``, so that what is still known well is
    pushed hardest. A weight is salient where its squared gradient on forget is at least ``select`` times that on retain. The
    steps on retain repair what the step on forget harmed. Batch-norm buffers follow ``steps.buffers``; both sets move them.

    Args:
        push: weight of the step on forget at first; it falls to zero along half a cosine.
        adapt: power of an example's loss by which its weight falls; 0 weights all alike.
        select: least ratio of squared gradients, forget over retain, of a salient weight.
        every: steps on retain for each step on forget.
        clip: largest Euclidean norm of the gradient of a step on forget.
        steps: step size and length; an epoch is once through the retain set.

    Source: Huang et al. 2024, arXiv 2409.19732; code K1nght/Unified-Unlearning-w-Remain-Geometry@36bb7f6,
        Classification/unlearn/sfron.py, with its values for 10 % of CIFAR-10.
    Departs: the length is four epochs where the code has 1,500 steps, 4.3 epochs there; the step size falls once an epoch where
        its cosine falls with each step. The code's moving average of weights has a factor of 1, which leaves it out. Momentum and
        weight decay act on all weights in a step on forget too, as they do there.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels"})

    push: Annotated[Positive, SearchHint(1, 100, log=True)] = 25.0
    adapt: Annotated[NonNegative, SearchHint(0.0, 1.0)] = 0.5
    select: Annotated[Positive, SearchHint(0.1, 10, log=True)] = 1.0
    every: Annotated[Count, SearchHint(1, 20, asked=True)] = 5
    clip: Annotated[Positive, SearchHint(0.1, 10, log=True, asked=True)] = 7.0
    steps: Steps = Steps(lr=0.01, epochs=4, optimizer=SGD(decay=5e-4), schedule=Cosine(floor=0.0))

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after both kinds of steps.

        Raises:
            BadInput: several processes work together.
        """
        task = problem.task
        params = steerable(model, problem.trainable, "SFRon")
        salient = self._salient(model, problem, params)
        retain_batches = problem.retain_batches(self.steps)
        total, step, push = retain_batches.epochs * retain_batches.length, 0, 0.0
        forget_batches = endless(problem.forget_batches(self.steps))

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            nonlocal step, push
            for (retain,) in retain_batches.draw(epoch):
                if step % self.every == 0:
                    push = self.push * (1 + math.cos(math.pi * step / total)) / 2
                    yield None, next(forget_batches)
                step += 1
                yield retain, None

        def loss(retain: Batch | None, forget: Batch | None) -> Tensor:
            if retain is not None:
                return task.loss(model, retain).mean()
            up = partial(_raised, model, problem, cast(Batch, forget), self.adapt, push)
            value, grads = gradients_of(model, up, params, problem.trainable)
            grads = [g * s for g, s in zip(grads, salient, strict=True)]
            norm = torch.stack([g.double().square().sum() for g in grads]).sum().sqrt()
            factor = (self.clip / (norm + 1e-6)).clamp(max=1)
            return steered(value, params, [g * factor.to(g.dtype) for g in grads])

        steps_an_epoch = retain_batches.length + -(-retain_batches.length // self.every)
        plan = Plan(retain_batches.epochs, draw, problem.retain, task, steps_an_epoch)
        return descend(model, loss, plan, self.steps, problem.trainable)

    def _salient(self, model: nn.Module, problem: Problem, params: Params) -> Grads:
        forget, retain = (squares(model, problem, part, self.steps.batch, params) for part in (problem.forget, problem.rest))
        return [(f + LEAST) / (r + LEAST) >= self.select for f, r in zip(forget, retain, strict=True)]


def squares(model: nn.Module, problem: Problem, examples: Examples, batch: int, params: Params) -> Grads:
    """Mean over batches, in order, of the squared gradient of a batch's mean loss, by parameter."""
    rows = list(in_order(len(examples), batch))
    return mean_square(([g[None] for g in grads] for grads in of_batches(model, problem.task, [examples], rows, params)), params)


def _raised(model: nn.Module, problem: Problem, forget: Batch, adapt: float, push: float) -> Tensor:
    losses = problem.task.loss(model, forget)
    weights = 1 / (losses.detach() ** adapt + LEAST)
    return -push * (weights / weights.sum() * losses).sum()
