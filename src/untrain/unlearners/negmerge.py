"""Negation of merged task vectors."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from untrain.core.fields import Count, Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.gradients import movable, put
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners._phases import later
from untrain.unlearners.base import Unlearner


class NegMerge(Unlearner):
    """Subtract ``scale`` times the mean change of models finetuned on forget, for weights that all of them change in one direction.

    It needs no retain set. Models are finetuned with step sizes around that of ``steps``, each with an order of batches of its
    own. Batch-norm buffers stay those of the model; the finetuned copies are dropped.

    Args:
        scale: weight of the change.
        models: how many are finetuned; one takes its whole change away, which is task arithmetic.
        spread: factor between the step sizes of one model and the next, around that of ``steps``.
        steps: step size and length of each finetuning; an epoch is once through the forget set.

    Source: Kim, Han and Choe 2025, arXiv 2410.05583, algorithm 1; one model: Ilharco et al. 2023, arXiv 2212.04089. The authors'
        code is not published; steps and number of models are those of Harry24k/machine-unlearning-pytorch@405bab1, negmerge.py,
        whose step sizes are 1e-4 to 1e-3.
    Departs: the models differ in step size and order, where the paper varies augmentation and other settings of finetuning too.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels"})

    scale: Annotated[Positive, SearchHint(0.1, 10, log=True, usual=True)] = 1.0
    models: Annotated[Count, SearchHint(1, 9, asked=True)] = 3
    spread: Annotated[float, Field(ge=1), SearchHint(1, 5, asked=True)] = 2.0
    steps: Steps = Steps(lr=5e-4, epochs=1, optimizer=SGD(), schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model without the change that the models agree on."""
        params = movable(model, problem.trainable)
        changes: list[dict[str, Tensor]] = []
        for at in range(self.models):
            steps = replace(self.steps, lr=self.steps.lr * self.spread ** (at - (self.models - 1) / 2))
            tuned = deepcopy(model)

            def loss(forget: Batch, tuned: nn.Module = tuned) -> Tensor:
                return problem.task.loss(tuned, forget).mean()

            # An order of its own: seeds of draws are those of the problem and the epoch.
            plan = problem.forget_batches(steps)
            descend(tuned, loss, later(plan, at * plan.epochs), steps, problem.trainable)
            now = dict(tuned.named_parameters())
            changes.append({name: now[name].detach() - p.detach() for name, p in params.items()})
        new = {n: p.detach() - self.scale * agreed(torch.stack([c[n] for c in changes])) for n, p in params.items()}
        put(model, new, problem.trainable)
        return model


def agreed(changes: Tensor) -> Tensor:
    """Mean over models where all of their changes are above zero, or all below, and zero elsewhere.

    >>> agreed(torch.tensor([[1.0, 1.0, 0.0], [3.0, -1.0, 2.0]]))
    tensor([2., 0., 0.])

    Args:
        changes: of m models, (m, ...).
    """
    alike = (changes > 0).all(0) | (changes < 0).all(0)
    return torch.where(alike, changes.mean(0), torch.zeros_like(changes[0]))
