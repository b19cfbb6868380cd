"""Noise on the first layer, and finetuning with weights of classes."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from untrain.core.fields import NonNegative, Positive
from untrain.core.metering import limit_reached
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.gradients import movable, put
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Cosine, Steps
from untrain.unlearners._class_counts import class_counts
from untrain.unlearners._phases import before_the_last, phase
from untrain.unlearners._weight_layers import kernels_or_matrices
from untrain.unlearners._weight_noise import with_noise
from untrain.unlearners.base import Unlearner


class CFW(Unlearner):
    """Add normal noise to the first layer, minimise ``w L(retain)``, and add a little noise again before the last epoch.

    ``w`` is the mean weight of a batch's examples, and an example's is one over the share of its class in the retain set and over
    the number of classes. The noise leaves batch-norm buffers alone; afterwards they follow ``steps.buffers``.

    Args:
        noise: standard deviation of the noise before the first epoch, in units of weights.
        last: that before the last epoch, where there are two or more.
        steps: step size and length.

    Source: the third of the NeurIPS 2023 unlearning challenge, called CFW by Cadet et al. 2024, arXiv 2410.01276; their
        re-implementation xcadet/deepunlearn@6830ff6, kgltop3.py, with its values.
    Departs: momentum starts anew in the last epoch. The code's noise is on layers that the model itself names with 'conv', which
        in a residual network is its first convolution; here it is on the first convolution declared, and in a model without any
        on the first layer, where the code adds none.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "labels", "classes"})

    noise: Annotated[Positive, SearchHint(0.01, 1.0, log=True)] = 0.6
    last: Annotated[NonNegative, SearchHint(0.0, 0.05)] = 0.005
    steps: Steps = Steps(lr=7e-4, epochs=4, batch=64, optimizer=SGD(decay=5e-4), schedule=Cosine(floor=0.0))

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Never: noise comes before the first step."""
        return False

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model with noise, finetuned.

        Raises:
            ModelError: the model has no layer with a weight of two or more dimensions, or nothing may move.
        """
        movable(model, problem.trainable)
        task, plan = problem.task, problem.retain_batches(self.steps)
        counts = class_counts(problem)
        weights = torch.where(counts > 0, len(problem.rest) / counts.clamp(min=1) / (counts > 0).sum(), 0.0)
        weights = weights.to(next(model.parameters()).device)
        confuse(model, problem, self.noise)

        def loss(retain: Batch) -> Tensor:
            return task.loss(model, retain).mean() * weights[retain.y].mean()

        descend(model, loss, phase(plan, 0, -1), before_the_last(self.steps), problem.trainable)
        if plan.epochs > 1 and not limit_reached():  # noise that no step follows would stay
            confuse(model, problem, self.last)
        return descend(model, loss, phase(plan, -1), self.steps, problem.trainable)


def confuse(model: nn.Module, problem: Problem, deviation: float) -> None:
    """Add normal noise to the weight of the first convolution, or of the first layer, where it may move."""
    name, weight = next(iter(kernels_or_matrices(model).items()))
    put(model, {name: with_noise(weight, deviation)}, problem.mask or problem.trainable)
