"""DELETE."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.distillation import outputs_of, teacher
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners.base import Unlearner

NEVER = -1e10  # logit of the class to forget in the teacher, as in the authors' code


class DELETE(Unlearner):
    """Minimise ``KL(model before, without the label's class || model)`` on forget.

    It needs neither the retain set nor a request for whole classes. Batch-norm buffers follow ``steps.buffers``; the forget
    set moves them (``buffers='freeze'`` is the authors' ``disable_bn``).

    Args:
        steps: step size and length; an epoch is once through the forget set.

    Source: Zhou et al. 2025 (CVPR), arXiv 2503.23751; code shaaaaron/DELETE@60018a1, method/delete.py and
        config/cifar10_resnet18.yaml. Its 20 epochs on a class of CIFAR-10 are 800 steps: a smaller forget set needs more.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "classes", "divergence"})

    steps: Steps = Steps(lr=1e-4, epochs=20, schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that says of the forget set what its teacher says apart from the labels."""
        task, before = problem.task, teacher(model, "DELETE")

        def loss(forget: Batch) -> Tensor:
            wanted = outputs_of(task, before, forget).scatter(1, forget.y[:, None], NEVER)
            return task.divergence(task.forward(model, forget), wanted, forget).mean()

        return descend(model, loss, problem.forget_batches(self.steps), self.steps, problem.trainable)
