"""Gradient ascent."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from untrain.core.errors import NotFinite
from untrain.core.metering import add_note
from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners.base import Unlearner

FAR = 10.0  # times the loss of a guess: a model that merely forgot is never so far off


class GradAscent(Unlearner):
    """Minimise ``-L(forget)``.

    The loss has no upper bound, so a step size that is too large destroys the model. A note says that it diverged when the
    loss of the last batch is more than ten times that of a guess. Batch-norm buffers follow ``steps.buffers``; the forget
    set moves them.

    Args:
        steps: step size and length; an epoch is once through the forget set.

    Source: Golatkar et al. 2020; Thudi et al. 2022, arXiv 2109.13398; step size and epochs of the code of Jia et al. 2023
        (Unlearn-Sparse), arXiv 2304.04934.
    Departs: no weight decay where that code has 5e-4; the code of DEL, arXiv 2412.02432, takes as many steps per epoch as
        the retain set has batches, and runs those through the network too.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels"})

    steps: Steps = Steps(lr=1e-4, epochs=5, schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after ascent on the forget set.

        Raises:
            NotFinite: it diverged so far that the loss, a weight or a batch statistic is NaN or infinite.
        """
        last = torch.zeros(())

        def loss(forget: Batch) -> Tensor:
            nonlocal last
            value = problem.task.loss(model, forget).mean()
            last = value.detach()
            return -value

        try:
            forgot = descend(model, loss, problem.forget_batches(self.steps), self.steps, problem.trainable)
        except NotFinite as error:
            raise NotFinite(f"gradient ascent diverged: {error}") from None
        diverged = [n for n, tensor in forgot.state_dict().items() if not bool(torch.isfinite(tensor).all())]
        if diverged:
            raise NotFinite(f"gradient ascent diverged: {diverged[0]!r} holds NaN or infinite values: lower lr={self.steps.lr}")
        guess = problem.task.guess(problem.forget)
        if float(last) > FAR * guess:
            add_note(
                f"gradient ascent diverged: the last forget batch has a loss of {float(last):.3g} nats, "
                f"a guess has {guess:.3g}: lower lr={self.steps.lr} or take fewer epochs"
            )
        return forgot
