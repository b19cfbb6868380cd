"""Masked small gradients."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.fields import Keep, Share
from untrain.core.search_space import SearchHint
from untrain.data.batching import in_order
from untrain.data.examples import Batch, Examples, take
from untrain.training.descend import descend
from untrain.training.gradients import Grads, Params, of_batches, put
from untrain.training.problem import Problem
from untrain.training.steered_gradients import gradients_of, steerable, steered
from untrain.training.steps import SGD, Steps, Triangular
from untrain.unlearners._weight_layers import kernels_or_matrices
from untrain.unlearners.base import Unlearner


class MSG(Unlearner):
    """Reset a share of each convolution, where gradients of retain and forget differ least; then minimise ``L(retain)``.

    The gradient is that of ``L(retain) - L(forget)``, of as many retain examples as forget examples. Weights that are reset are
    drawn from a normal distribution; gradients of the convolutions' other weights are scaled down while the model is finetuned.
    The reset leaves batch-norm buffers alone; afterwards they follow ``steps.buffers``.

    Args:
        reset: share of each convolution's weights that is reset.
        slow: factor of the gradients of a convolution's other weights.
        steps: step size and length of the finetuning.

    Source: the second of the NeurIPS 2023 unlearning challenge, called Masked Small Gradients by Cadet et al. 2024,
        arXiv 2410.01276; written from its description, with its values.
    Departs: in a model without convolutions the weights of all layers are treated so, and parameters of no layer, such as a
        transformer's class token, are neither reset nor slowed; the step size rises and falls from step
        to step, where the authors' does from epoch to epoch.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels"})

    reset: Keep = 0.3
    slow: Annotated[Share, SearchHint(0.0, 1.0)] = 0.1
    steps: Steps = Steps(lr=1e-3, epochs=5, batch=64, optimizer=SGD(decay=5e-4), schedule=Triangular(peak=0.6))

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Never: weights are reset before the first step."""
        return False

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model with weights reset, finetuned.

        Raises:
            ModelError: the model has no layer with a weight of two or more dimensions, or none that may move.
            BadInput: several processes work together.
        """
        task, params = problem.task, steerable(model, problem.trainable, "MSG")
        weights = {n: p for n, p in kernels_or_matrices(model).items() if n in params}
        if not weights:
            raise ModelError("none of the weights that MSG resets may move: widen the mask, or let some ask for gradients")
        chosen = self._chosen(model, problem, weights)
        fresh = {n: nn.init.kaiming_normal_(torch.empty(p.shape), mode="fan_out", nonlinearity="relu") for n, p in weights.items()}
        new = {n: torch.where(chosen[n], fresh[n].to(p), p.detach()) for n, p in weights.items()}
        put(model, new, problem.mask or problem.trainable)

        def loss(retain: Batch) -> Tensor:
            value, grads = gradients_of(model, lambda: task.loss(model, retain).mean(), params, problem.trainable)
            slowed = [torch.where(chosen[n], g, self.slow * g) if n in chosen else g for n, g in zip(params, grads, strict=True)]
            return steered(value, params, slowed)

        return descend(model, loss, problem.retain_batches(self.steps), self.steps, problem.trainable)

    def _chosen(self, model: nn.Module, problem: Problem, weights: Params) -> dict[str, Tensor]:
        rows = torch.randperm(len(problem.rest))[: len(problem.forget)].sort().values.numpy()
        sides = (take(problem.rest, rows), problem.forget)
        retain, forget = (summed(model, problem, part, self.steps.batch, weights) for part in sides)
        return {n: smallest((r - f).abs(), self.reset) for n, r, f in zip(weights, retain, forget, strict=True)}


def summed(model: nn.Module, problem: Problem, examples: Examples, batch: int, params: Params) -> Grads:
    """Sum over batches, in order, of the gradient of a batch's mean loss, by parameter."""
    total = [torch.zeros_like(p) for p in params.values()]
    rows: list[np.ndarray] = list(in_order(len(examples), batch))
    for grads in of_batches(model, problem.task, [examples], rows, params):
        for t, g in zip(total, grads, strict=True):
            t += g
    return total


def smallest(values: Tensor, share: float) -> Tensor:
    """True at the smallest values, as many as a share of all, rounded; the first of equal ones.

    >>> smallest(torch.tensor([[0.3, 0.1], [0.2, 0.4]]), 0.5)
    tensor([[False,  True],
            [ True, False]])
    """
    order = values.flatten().argsort(stable=True)[: round(share * values.numel())]
    chosen = torch.zeros(values.numel(), dtype=torch.bool, device=values.device)
    chosen[order] = True
    return chosen.reshape(values.shape)
