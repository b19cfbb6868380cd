"""Direction-rectified and magnitude-adjusted gradients."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.training.batch_norm import untracked_statistics
from untrain.training.descend import descend
from untrain.training.gradients import Grads
from untrain.training.problem import Problem
from untrain.training.steered_gradients import gradients_of, steerable, steered
from untrain.training.steps import AdamW, Constant, Steps
from untrain.unlearners.base import Unlearner


class GDRGMA(Unlearner):
    """Step by ``(1 - w) g_retain + w g_forget``, after removing from each gradient its part against the other.

    ``g_forget`` goes up the loss of forget. Where two gradients of a parameter point against each other, each is projected onto
    the plane across the other. ``w = 1 / (1 + exp(sharp * (L(retain) - limit)))`` gives the step to whichever set needs it: to
    forget while the loss of retain is below the limit. Batch-norm buffers follow ``steps.buffers``; forget batches never enter
    them.

    Args:
        limit: loss of retain, in nats, at which both weigh the same.
        sharp: how fast the weight turns from one to the other around it.
        rectify: 'both' projects each across the other as it was; 'official' is the code's form, which takes from the gradient on
            forget a multiple of the retain gradient after its own projection, so that the two may still point against each other.
        steps: step size and length; an epoch is once through the retain set.

    Source: Lin et al. 2024, ACM MM, GDR-GMA; code RUIYUN-ML/GDR-GMA@c954a09, unlearn.py, with its values.
    Departs: the default is the projection of the paper's picture, each across the other, where the code overwrites the first before
        it uses it for the second, which ``rectify='official'`` brings back; an epoch is once through the retain set with the forget
        set repeated, where the code stops with the shorter of the two; the code also projects the last parameter's gradient on
        forget by a memory of earlier ones, which is left out; forget batches stay out of batch-norm buffers.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels"})

    limit: Annotated[NonNegative, SearchHint(1e-3, 1.0, log=True)] = 0.02
    sharp: Annotated[Positive, SearchHint(1, 1000, log=True, asked=True)] = 100.0
    rectify: Literal["both", "official"] = "both"
    steps: Steps = Steps(lr=1e-4, epochs=10, batch=256, optimizer=AdamW(decay=0.01), schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after the steps.

        Raises:
            BadInput: several processes work together.
        """
        task, mask = problem.task, problem.trainable
        params = steerable(model, mask, "GDRGMA")

        def loss(retain: Batch, forget: Batch) -> Tensor:
            value, down = gradients_of(model, lambda: task.loss(model, retain).mean(), params, mask)
            with untracked_statistics(model):
                _, up = gradients_of(model, lambda: -task.loss(model, forget).mean(), params, mask)
            down, up = rectified(down, up, in_turn=self.rectify == "official")
            weight = torch.sigmoid(-self.sharp * (value.float() - self.limit))
            mixed = [(1 - weight).to(d.dtype) * d + weight.to(u.dtype) * u for d, u in zip(down, up, strict=True)]
            return steered(value, params, mixed)

        return descend(model, loss, problem.paired_batches(self.steps), self.steps, mask)


def rectified(first: Grads, second: Grads, in_turn: bool = False) -> tuple[Grads, Grads]:
    """Two lists of gradients; those of a parameter that point against each other are projected across one another.

    >>> [g[0].tolist() for g in rectified([torch.tensor([1.0, 0.0])], [torch.tensor([-1.0, 1.0])])]
    [[0.5, 0.5], [0.0, 1.0]]

    Args:
        first: one gradient per parameter.
        second: another.
        in_turn: whether the second loses a multiple of the first as it is once projected; its length is that of the first before.
    """
    ones, others = [], []
    for a, b in zip(first, second, strict=True):
        product = (a * b).sum()
        against = product < 0
        ones.append(torch.where(against, a - product / (b * b).sum() * b, a))
        others.append(torch.where(against, b - product / (a * a).sum() * (ones[-1] if in_turn else a), b))
    return ones, others
