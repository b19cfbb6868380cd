"""Boundary Shrink."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from untrain.core.fields import Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.models.real_inputs import real_inputs, with_inputs
from untrain.models.tasks.base import Task
from untrain.training.descend import descend
from untrain.training.distillation import outputs_of, teacher
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners.base import Unlearner


class BoundaryShrink(Unlearner):
    """Minimise ``L(forget with the class across the nearest boundary)``.

    That class is the one that the model before gives an example after one step of size ``bound`` up the sign of the gradient of its
    loss. Where the step crosses no boundary it is the label itself, and the example is learned again. Batch-norm buffers follow
    ``steps.buffers``; the forget set moves them.

    Args:
        bound: length of the step in each number of an input; pixels are in [0, 1], before any normalising in the model.
        steps: step size and length; an epoch is once through the forget set.

    Source: Chen et al. 2023 (CVPR), Boundary Unlearning; the authors' code at TY-LEE-KR/Boundary-Unlearning-Code@19f9f23,
        boundary_unlearning.py and adv_generator.py. Its 10 epochs on a class of CIFAR-10 are 790 steps: a smaller forget set needs
        more, or larger ones.
    Departs: inputs other than uint8 images are neither kept in [0, 1] nor rounded to 1/255 after the step; its two extras (a
        penalty on curvature and weights of examples), which are off in the code, are left out. The default step size is ours, at
        which small networks move: at the code's 1e-5 they do not.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "classes"})

    bound: Annotated[Positive, SearchHint(0.01, 1.0, log=True)] = 0.1
    steps: Steps = Steps(lr=1e-2, epochs=10, batch=64, schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that takes the forget set for its neighbours.

        Raises:
            ModelError: inputs are not real numbers.
        """
        task, before = problem.task, teacher(model, "BoundaryShrink")

        def loss(forget: Batch) -> Tensor:
            return task.loss(model, forget.with_targets(neighbours(task, before, forget, self.bound))).mean()

        return descend(model, loss, problem.forget_batches(self.steps), self.steps, problem.trainable)


def neighbours(task: Task, model: nn.Module, batch: Batch, bound: float) -> Tensor:
    """The class of each example, (b,), after one step of size ``bound`` up the sign of the gradient of its loss.

    Args:
        task: the model's task.
        model: in eval mode.
        batch: of b examples with labels.
        bound: length of the step in each number of an input.
    """
    x = real_inputs(task, batch, "BoundaryShrink").detach().requires_grad_()
    value = task.loss(model, with_inputs(batch, x)).sum()
    if value.requires_grad:  # a model may not depend on its inputs
        x = x.detach() + bound * torch.autograd.grad(value, x)[0].sign()
    if batch.x.dtype == torch.uint8:
        x = (x.clamp(0, 1) * 255).round() / 255
    return outputs_of(task, model, with_inputs(batch, x.detach())).argmax(1)
