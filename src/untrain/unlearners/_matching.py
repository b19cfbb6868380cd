"""Shared parts of methods that make a model's outputs equal to given targets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import DataError, SpecError
from untrain.core.fields import NonNegative, Positive
from untrain.core.metering import Counter, add_note
from untrain.core.search_space import SearchHint
from untrain.core.spec import Spec
from untrain.data.batching import count, in_order
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch, Examples, batch_of, joined, take, walk
from untrain.models.tasks.base import Task
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import Steps

Array = np.ndarray[Any, Any]
TARGET = "matched"


class Sample(Spec):
    """The examples whose outputs are matched in each pass: the forget set and some of the retain set.

    Args:
        retain: how many examples of the retain set are drawn, once, for each example to forget.
        forget: how often the forget set is repeated; half a time is its first half.

    Source: Georgiev et al. 2024, arXiv 2410.23232; retain_multiplier and forget_multiplier of the authors' code.
    """

    retain: Annotated[NonNegative, SearchHint(1, 40, log=True)] = 5.0
    forget: Annotated[Positive, SearchHint(0.5, 10, log=True)] = 1.0

    def rows(self, forget: int, retain: int, seed: int) -> tuple[Array, Array]:
        """Rows of the forget set, repeated, and of the retain set.

        >>> repeated, drawn = Sample(retain=2, forget=1.5).rows(forget=4, retain=100, seed=0)
        >>> repeated.tolist(), len(drawn), len(set(drawn.tolist()))
        ([0, 1, 2, 3, 0, 1], 8, 8)

        Args:
            forget: number of examples to forget.
            retain: number of examples in the retain set.
            seed: of the draw.
        """
        whole, part = divmod(self.forget, 1)
        repeated = np.concatenate([np.tile(np.arange(forget), int(whole)), np.arange(int(part * forget))])
        wanted = min(int(self.retain * forget), retain)
        return repeated, np.sort(np.random.default_rng(seed).choice(retain, wanted, replace=False))


def match(model: nn.Module, problem: Problem, sides: tuple[Tensor, Tensor], sample: Sample, steps: Steps) -> nn.Module:
    """Minimise the squared distance of outputs from targets, in the mean over outputs, on a sample of both sets.

    Args:
        model: changed in place.
        problem: with a forget and a retain set.
        sides: targets of all examples to forget, (f, c), and of the retain set, (r, c).
        sample: which examples, and how often.
        steps: step size and length; a pass is over the sample.

    Raises:
        SpecError: there is nothing in the sample.
    """
    repeated, drawn = sample.rows(len(problem.forget), len(problem.rest), problem.seed)
    if len(drawn) < int(sample.retain * len(problem.forget)):
        add_note(f"the whole retain set of {len(drawn)} examples is in the sample, which asked for {sample.retain:g} per example")
    parts = [
        take(part, rows).with_fields(**{TARGET: values.to(part.x.device)[torch.from_numpy(rows).to(part.x.device)]})
        for part, rows, values in zip((problem.forget, problem.rest), (repeated, drawn), sides, strict=True)
        if len(rows)
    ]
    if not parts:
        raise SpecError(
            f"{sample!r} takes nothing of {len(problem.forget)} examples to forget and {len(problem.rest)} others: raise a share"
        )
    examples = parts[0] if len(parts) == 1 else joined(*parts)
    task = problem.task

    def draw(epoch: int) -> Iterator[tuple[Batch]]:
        # Targets are of the examples as they are, so these are matched as they are, whatever the learner augments.
        rng = np.random.default_rng((problem.seed, epoch))
        return ((batch,) for batch in walk(examples, steps.batch, rng, alike=steps.alike))

    def loss(batch: Batch) -> Tensor:
        return (task.forward(model, batch) - batch.fields[TARGET]).square().mean()

    plan = Plan(problem.epochs(steps), draw, problem.retain, task, count(len(examples), steps.batch))
    return descend(model, loss, plan, steps, problem.trainable)


def without(outputs: Tensor, effects: Tensor) -> Tensor:
    """Outputs less effects on them.

    Raises:
        DataError: they differ in shape.
    """
    if outputs.shape != effects.shape:
        raise DataError(f"effects have shape {tuple(effects.shape)}: one for each output, {tuple(outputs.shape)}, is needed")
    return outputs - effects.to(outputs)


@torch.no_grad()
def outputs_on(model: nn.Module, examples: Examples, task: Task) -> Tensor:
    """Outputs of a model in eval mode on all examples, (n, c), on the model's device."""
    device, counter, parts = next(model.parameters()).device, Counter(), []
    for rows in in_order(len(examples), 512):
        batch = batch_of(examples, rows, device)
        parts.append(counter.step(len(rows), partial(task.forward, model, batch), backward=False, shape=cost_shape(batch)))
    return torch.cat(parts)
