"""Cycles of re-initialised layers and recovered outputs."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from untrain.core.fields import Count, Keep, NonNegative
from untrain.core.metering import limit_reached
from untrain.core.search_space import SearchHint
from untrain.core.seeds import derive_seed
from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.distillation import outputs_of, teacher
from untrain.training.gradients import put
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners._phases import before_the_last, later
from untrain.unlearners._weight_layers import weight_layers
from untrain.unlearners.base import Unlearner
from untrain.unlearners.resetfinetune import initial_values


class ReinitCycles(Unlearner):
    """In each cycle reset some random layers, then minimise the squared difference from the previous outputs on retain.

    The share of layers that is reset grows linearly from cycle to cycle. The model before the request is the teacher, on retain
    inputs with noise and without labels. The reset leaves batch-norm buffers alone; afterwards they follow
    ``steps.buffers``.

    Args:
        cycles: how many there are.
        reset: share of the layers that is reset in the last cycle, at least one in each.
        noise: standard deviation of the normal noise on inputs, in units of inputs; tokens get none.
        steps: step size and length of each cycle; the next goes on with other orders.

    Source: Ahn, Lee, Bae, Yim and Jung, eighth of the NeurIPS 2023 unlearning challenge, junhyunb.github.io: stochastic
        re-initialization, knowledge preserving loss, Gaussian noise, and three to four forget-remember cycles. They found layers
        drawn at random better than those with the largest Fisher information. Its text was at hand in part: shares, noise and
        step sizes are ours.
    Departs: which layers the authors never reset is not known here; all with a weight of two or more dimensions are drawn alike,
        and parameters of no layer, such as a transformer's class token, are never reset.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain"})

    cycles: Annotated[Count, SearchHint(1, 5)] = 3
    reset: Keep = 0.3
    noise: Annotated[NonNegative, SearchHint(0.0, 0.3)] = 0.05
    steps: Steps = Steps(lr=0.01, epochs=2, schedule=Constant())

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Never: layers are reset before the first step."""
        return False

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after all cycles.

        Raises:
            ModelError: the problem has no ``init`` to make a fresh model, or no layer has a weight of two or more dimensions.
        """
        task, before = problem.task, teacher(model, "ReinitCycles")
        layers = list(weight_layers(model).values())
        plan = problem.retain_batches(self.steps)

        def loss(retain: Batch) -> Tensor:
            noisy = self._noisy(retain, task.inputs(retain))
            away = task.forward(model, noisy) - outputs_of(task, before, noisy)
            return away.square().mean()

        for cycle in range(self.cycles):
            if cycle and limit_reached():  # a reset that no step follows would stay
                break
            count = max(1, round(self.reset * (cycle + 1) / self.cycles * len(layers)))
            fresh = initial_values(model, problem, derive_seed(problem.seed + cycle), "ReinitCycles")
            drawn = [layers[at] for at in torch.randperm(len(layers))[:count].tolist()]
            put(model, {name: fresh[name] for layer in drawn for name in layer}, problem.mask or problem.trainable)
            steps = self.steps if cycle == self.cycles - 1 else before_the_last(self.steps)
            descend(model, loss, later(plan, cycle * plan.epochs), steps, problem.trainable)
        return model

    def _noisy(self, batch: Batch, x: Tensor) -> Batch:
        if not (self.noise and x.dtype.is_floating_point):
            return batch
        # Drawn on the CPU, so that every device adds the same.
        return batch.with_fields(**{next(iter(batch.fields)): x + self.noise * torch.randn(x.shape).to(x)})
