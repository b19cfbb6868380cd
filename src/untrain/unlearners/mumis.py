"""Unlearning by suppressing the sensitivity to inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, cast

import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.fields import NonNegative
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.models.tasks.base import Task
from untrain.training.descend import descend
from untrain.training.gradients import check_depends, movable
from untrain.training.input_gradients import input_gradient, twice_differentiable, with_real_inputs
from untrain.training.problem import Problem
from untrain.training.row_gradients import whole_gradients
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners._other_classes import other_classes
from untrain.unlearners.base import Unlearner


class MUMis(Unlearner):
    """Minimise ``|d f_y / d x|^2 - others * |d f_c / d x|^2`` on forget, for the label y and a random other class c.

    Here f are logits and x inputs. It needs no retain set. The objective has no lower bound, so step size and length decide where
    it stops. Batch-norm buffers follow ``steps.buffers``: with 'freeze' an example's sensitivity is its own, where in train mode
    it depends on its batch.

    Args:
        others: weight of the sensitivity of the other class, which grows; a new class is drawn for each example at each step.
        steps: step size and length; an epoch is once through the forget set.

    Source: Cheng et al. 2026 (MU-Mis), arXiv 2402.15109, the difference of squared input gradients. Step size and one epoch are
        those that the torchunlearn package, Harry24k/machine-unlearning-pytorch@405bab1, recommends; the step size is its own
        there too, as that of the paper's tables belongs to their networks.
    Departs: there is no rule that stops it on the way; the authors' code was not at hand.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "classes"})

    others: Annotated[NonNegative, SearchHint(0.0, 2.0)] = 1.0
    steps: Steps = Steps(lr=1e-4, epochs=1, optimizer=SGD(momentum=0.0), schedule=Constant(), buffers="freeze")

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that is less sensitive to the forget set.

        Raises:
            RequestError: there is no other class.
            ModelError: inputs are tokens, outputs do not depend on them, or sensitivities on no weight that may move.
        """
        task, classes = problem.task, problem.forget.classes
        params = movable(model, problem.trainable)
        plan = problem.forget_batches(self.steps)

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            # Classes of the whole batch, before it is cut: halves of it, or several processes, see the same.
            for batches in plan.draw(epoch):
                forget = cast(Batch, batches[0])
                others = other_classes(forget.y, classes, "MUMis")
                inputs = {name: value for name, value in forget.fields.items() if name != forget.target}
                yield (Batch({**inputs, "other": others, forget.target: forget.y}, forget.rows),)

        def loss(forget: Batch) -> Tensor:
            with twice_differentiable(model), whole_gradients(model):
                own, other = sensitivities(model, task, forget)
                value = (own - self.others * other).mean()
                # It depends on the inputs too, so that torch would not miss the weights: of biases there is no gradient.
                if all(g is None for g in torch.autograd.grad(value, list(params.values()), allow_unused=True, retain_graph=True)):
                    raise ModelError(f"the sensitivity to inputs depends on none of {', '.join(params)}: let other weights move")
            return value

        return descend(model, loss, replace(plan, draw=draw), self.steps, problem.trainable)


def sensitivities(model: nn.Module, task: Task, batch: Batch) -> tuple[Tensor, Tensor]:
    """Squared norms of the gradient by each input of the logit of the label, and of that of the class ``other``, (b,) each."""
    real = with_real_inputs(task, batch, "MUMis")
    logits = task.forward(model, real)
    check_depends(logits)
    norms = []
    for label in (batch.y, batch.fields["other"]):
        slope = input_gradient(logits.gather(1, label[:, None]).sum(), real.x, again=True)
        norms.append(slope.flatten(1).float().square().sum(1))
    return norms[0], norms[1]
