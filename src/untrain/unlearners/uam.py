"""Unlearning-aware minimization."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from untrain.core.fields import Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.training.batch_norm import untracked_statistics
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steered_gradients import gradients_of, steerable, steered
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners.base import Unlearner

TINY = 1e-16


class UAM(Unlearner):
    """Minimise ``L(retain)`` at the weights moved by ``radius`` up the gradient of ``L(forget)``.

    Each step takes the gradient on forget, moves the weights along it, takes the gradient on retain there, and steps by that
    from where the weights were. Batch-norm buffers follow ``steps.buffers``; the forget batches never enter them.

    Args:
        radius: Euclidean length of the move up the loss of forget.
        steps: step size and length; an epoch is once through the retain set.

    Source: Kim et al. 2025, NeurIPS, Unlearning-Aware Minimization; the authors' code Harry24k/machine-unlearning-pytorch@405bab1,
        torchunlearn/optim/minimizer.py, with the steps of its README; it names no radius, which is that of Foret et al. 2021
        (SAM), arXiv 2010.01412.
    Departs: the radius stays the same, as in the code unless a cosine is chosen; forget batches stay out of batch-norm
        buffers, which in the code they enter.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels"})

    radius: Annotated[Positive, SearchHint(0.01, 10, log=True)] = 0.05
    steps: Steps = Steps(lr=0.01, epochs=5, optimizer=SGD(decay=5e-4), schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after the steps.

        Raises:
            BadInput: several processes work together.
        """
        task, mask = problem.task, problem.trainable
        params = steerable(model, mask, "UAM")

        def loss(retain: Batch, forget: Batch) -> Tensor:
            # Together, as in the authors' code: batch statistics are those of both.
            both = Batch.cat([forget, retain])
            with untracked_statistics(model):
                _, up = gradients_of(model, lambda: task.loss(model, both)[: len(forget)].mean(), params, mask)
            norm = torch.stack([g.double().square().sum() for g in up]).sum().sqrt()
            here = [p.detach().clone() for p in params.values()]
            with torch.no_grad():
                for p, g in zip(params.values(), up, strict=True):
                    p.add_((self.radius / (norm + TINY)).to(g.dtype) * g)
            value, grads = gradients_of(model, lambda: task.loss(model, retain).mean(), params, mask)
            with torch.no_grad():
                for p, was in zip(params.values(), here, strict=True):
                    p.copy_(was)
            return steered(value, params, grads)

        return descend(model, loss, problem.paired_batches(self.steps), self.steps, mask)
