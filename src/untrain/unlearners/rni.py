"""A head reset, and noise on parameters that are drawn epoch by epoch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from untrain.core.fields import Count, Keep, NonNegative, Positive, Share
from untrain.core.mask import Mask
from untrain.core.metering import limit_reached
from untrain.core.search_space import SearchHint
from untrain.core.seeds import derive_seed
from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.gradients import movable, put
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners._phases import before_the_last, phase
from untrain.unlearners._weight_noise import with_noise
from untrain.unlearners.base import Unlearner
from untrain.unlearners.resetfinetune import initial_values


class RNI(Unlearner):
    """Reset the head; in each epoch add noise to some parameters and minimise ``L(retain)`` over them, in the last epochs over all.

    A parameter is a weight or a bias as a whole. Those of batch-norm layers move in every epoch and get no noise. In the first
    epoch there is no noise, and one that an earlier epoch drew gets none. Momentum starts anew in each epoch. Reset and noise
    leave batch-norm buffers alone; they follow ``steps.buffers``.

    Args:
        drawn: share of the parameters that is drawn in each epoch.
        noised: share of those drawn that is to have noise.
        noise: its standard deviation, in units of weights.
        fine: epochs at the end in which all parameters move and there is no noise.
        last_lr: step size of the last epoch.
        steps: step size and length, all epochs counted.

    Source: an entry of the NeurIPS 2023 unlearning challenge, called RNI by Cadet et al. 2024, arXiv 2410.01276, the last of the
        seven that they re-implement: xcadet/deepunlearn@6830ff6, kgltop7.py, with its values.
    Departs: the code draws 9 parameters of a ResNet-18, of whatever size the network is; a share of .4 comes to 9 of the 22 that
        are not of batch norm. It knows batch norm by the letters 'bn' in a name, so that in shortcuts it is drawn like all else.
        The head is reset to a draw of the model's own initialisation. Where a budget ends a walk, no more noise is added.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "labels"})

    drawn: Keep = 0.4
    noised: Annotated[Share, SearchHint(0.0, 1.0)] = 0.7
    noise: Annotated[NonNegative, SearchHint(0.0, 0.2)] = 0.04
    fine: Annotated[Count, SearchHint(1, 5)] = 4
    last_lr: Annotated[Positive, SearchHint(1e-4, 1e-1, log=True)] = 1e-3
    steps: Steps = Steps(lr=2e-4, epochs=9, batch=64, optimizer=SGD(decay=5e-4), schedule=Constant())

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Never: the head is reset before the first step."""
        return False

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model with its head learned anew.

        Raises:
            ModelError: the problem has no ``init`` to make a fresh model, or nothing may move.
        """
        task, params = problem.task, movable(model, problem.trainable)
        always = params.keys() & batch_norm_names(model)
        others = [n for n in params if n not in always]
        fresh = initial_values(model, problem, derive_seed(problem.seed), "RNI")
        within = problem.mask or problem.trainable
        put(model, {n: fresh[n] for n in task.head(model)}, within)
        plan = problem.retain_batches(self.steps)
        seen: set[str] = set()

        def loss(retain: Batch) -> Tensor:
            return task.loss(model, retain).mean()

        for epoch in range(plan.epochs):
            names: Collection[str] = params
            if epoch < plan.epochs - self.fine and others:
                picked = [others[at] for at in torch.randperm(len(others))[: max(1, round(self.drawn * len(others)))].tolist()]
                noised = picked[: round(self.noised * len(picked))] if epoch and not limit_reached() else []
                put(model, {n: with_noise(params[n], self.noise) for n in noised if n not in seen}, within)
                seen.update(picked)
                names = {*picked, *always}
            # A walk leaves parameters that it may not move without gradients.
            for p in params.values():
                p.requires_grad_(True)
            descend(model, loss, phase(plan, epoch, epoch + 1), self._steps(epoch, plan.epochs), only(model, problem, names))
        return model

    def _steps(self, epoch: int, epochs: int) -> Steps:
        return replace(self.steps, lr=self.last_lr) if epoch == epochs - 1 else before_the_last(self.steps)


def batch_norm_names(model: nn.Module) -> set[str]:
    """Names of all parameters of batch-norm layers.

    >>> sorted(batch_norm_names(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.LayerNorm(3))))
    ['1.bias', '1.weight']
    """
    layers = [(name, part) for name, part in model.named_modules() if isinstance(part, _BatchNorm)]
    return {f"{name}.{n}".removeprefix(".") for name, part in layers for n, _ in part.named_parameters()}


def only(model: nn.Module, problem: Problem, names: Collection[str]) -> Mask:
    """Those of these parameters that may move."""
    bits = {n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}
    for name in names:
        bits[name] = torch.ones_like(bits[name]) if problem.trainable is None else problem.trainable.bits[name]
    return Mask(bits, problem.digest)
