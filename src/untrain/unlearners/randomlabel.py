"""Random labels for the forget set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from untrain.data.examples import Batch, Examples, joined
from untrain.models.tasks.base import Task
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.unlearners.base import Unlearner


class RandomLabel(Unlearner):
    """Minimise ``L(retain) + L(forget with random labels)``.

    Labels are uniform over all classes, so one in c stays true, or over the wrong ones. Batch-norm buffers follow
    ``steps.buffers``.

    Args:
        draw: 'step' draws new labels at every step and walks the forget set, then the retain set, each epoch (SalUn);
            'once' draws them once and walks the shuffled union (the code of DEL).
        wrong: whether the true label is not drawn.
        steps: step size and length.

    Source: Golatkar et al. 2020; Fan et al. 2023 (SalUn), arXiv 2310.12508, eq. 5 ('step'); the code of DEL,
        arXiv 2412.02432 ('once', whose step size falls to half: ``schedule=Cosine(floor=0.5)``); Graves et al. 2021 (wrong labels).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels", "random_targets"})

    draw: Literal["step", "once"] = "step"
    wrong: bool = False
    steps: Steps = Steps(lr=0.015, epochs="30%")

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; labels are wrong or true where they name classes."""
        return super().needed() | ({"classes"} if self.wrong else frozenset())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model trained on the changed labels."""
        task = problem.task
        if self.draw == "once":
            both = replace(problem, retain=joined(problem.rest, relabelled(problem, self.wrong)))
            # Batch statistics are re-estimated on the retain set alone.
            plan = replace(both.retain_batches(self.steps), retain=problem.retain)
            return descend(model, lambda batch: task.loss(model, batch).mean(), plan, self.steps, problem.trainable)

        turns = problem.alternating_batches(self.steps)

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            # Labels of the whole batch, before it is cut: halves of it, or several processes, see the same.
            for retain, forget in turns.draw(epoch):
                yield retain, None if forget is None else forget.with_targets(drawn(task, forget.y, self.wrong))

        def loss(retain: Batch | None, forget: Batch | None) -> Tensor:
            if retain is not None:
                return task.loss(model, retain).mean()
            return task.loss(model, cast(Batch, forget)).mean()

        return descend(model, loss, replace(turns, draw=draw), self.steps, problem.trainable)


def relabelled(problem: Problem, wrong: bool = False) -> Examples:
    """The forget set with targets drawn at random, as the task draws them."""
    return problem.forget.with_targets(drawn(problem.task, problem.forget.y[:], wrong))


def drawn(task: Task, targets: Tensor, wrong: bool) -> Tensor:
    """As many targets, drawn at random; with ``wrong``, drawn again while they are the true ones."""
    labels = task.random_targets(targets)
    while wrong and bool((true := labels == targets).any()):
        labels = torch.where(true, task.random_targets(targets), labels)
    return labels
